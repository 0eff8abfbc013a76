// The page of the supervision tree: zoom, and going from a process to its code.
(() => {
  const vscode = acquireVsCodeApi();
  const svg = document.querySelector("#tree > svg");
  const width = svg.viewBox.baseVal.width;
  const height = svg.viewBox.baseVal.height;
  const LEAST = 0.2;
  const MOST = 4;
  let zoom = vscode.getState()?.zoom ?? 1;

  function show(wanted) {
    zoom = Math.min(MOST, Math.max(LEAST, wanted));
    svg.setAttribute("width", String(width * zoom));
    svg.setAttribute("height", String(height * zoom));
    document.getElementById("reset").textContent = `${Math.round(zoom * 100)} %`;
    vscode.setState({ zoom });
  }

  function fit() {
    const room = document.getElementById("tree");
    show(Math.min(1, room.clientWidth / width, room.clientHeight / height));
  }

  const ways = {
    out: () => show(zoom / 1.2),
    in: () => show(zoom * 1.2),
    reset: () => show(1),
    fit,
    refresh: () => vscode.postMessage({ kind: "refresh" }),
  };
  for (const [id, way] of Object.entries(ways)) document.getElementById(id).addEventListener("click", way);

  window.addEventListener("wheel", zoomByWheel, { passive: false });
  function zoomByWheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    show(zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
  }

  for (const node of svg.querySelectorAll(".ogt-node")) {
    const { path, line } = node.dataset;
    if (!path) continue;
    const open = () => vscode.postMessage({ kind: "open", path, line: Number(line) });
    node.setAttribute("tabindex", "0");
    node.setAttribute("role", "link");
    node.addEventListener("click", open);
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter") open();
    });
  }

  show(zoom);
})();
