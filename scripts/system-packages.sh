#!/usr/bin/env bash
# Installs the Debian packages behind the named tools, those that are missing, where it may.
#
#   scripts/system-packages.sh [--required] TOOL...
#
# Where it may not (no apt-get, neither root nor passwordless sudo) it says in one line what to install by
# hand and what is lost without it. With --required, a tool that is still missing is a failure.
set -euo pipefail

# Tool -> is it there? (Debian's python3 has a venv module that fails for want of ensurepip.)
present() {
  case $1 in
    elixir) command -v elixir >/dev/null && command -v mix >/dev/null ;;
    bubblewrap) command -v bwrap >/dev/null ;;
    nodejs) command -v node >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    chromium) command -v chromium >/dev/null || command -v chromium-browser >/dev/null ;;
    emacs-nox) command -v emacs >/dev/null ;;
    elpa-eglot) [[ -d /usr/share/emacs/site-lisp/elpa ]] && compgen -G '/usr/share/emacs/site-lisp/elpa/eglot*' >/dev/null ;;
    shellcheck) command -v shellcheck >/dev/null ;;
    python3-venv) "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null ;;
    *) echo "system-packages.sh: unknown tool '$1'" >&2; exit 2 ;;
  esac
}

# Tool -> what is lost without it. Tools are named as their Debian packages.
loss() {
  case $1 in
    elixir) echo 'fixes are not compiled or tested' ;;
    bubblewrap) echo 'mix runs without a sandbox' ;;
    nodejs | npm) echo 'the types are not checked, and the extension for VS Code is not built' ;;
    chromium) echo 'the extension is not tested in VS Code' ;;
    emacs-nox | elpa-eglot) echo 'the server is not tested in Emacs' ;;
    shellcheck) echo 'the shell scripts are not checked' ;;
    python3-venv) echo 'nothing can be set up' ;;
  esac
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
  command -v apt-get >/dev/null || return 1
  [[ $(id -u) == 0 ]] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# Waits for a package manager that is at work already, asks nothing, and keeps a terminal's escape codes out of logs.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" \
    </dev/null
}

install_packages() {
  apt_get install -y --no-install-recommends "$@" >/dev/null
}

main() {
  local required=false tool
  if [[ ${1:-} == --required ]]; then required=true; shift; fi

  local -a missing=() still_missing=()
  for tool in "$@"; do present "$tool" || missing+=("$tool"); done
  [[ ${#missing[@]} == 0 ]] && return

  if may_install; then
    echo "== installing system packages: ${missing[*]}"
    # A fresh machine has no package lists, an old one stale ones: both show as a failed first attempt.
    install_packages "${missing[@]}" 2>/dev/null || { apt_get update && install_packages "${missing[@]}"; } || true
  fi

  hash -r
  for tool in "${missing[@]}"; do
    present "$tool" && continue
    still_missing+=("$tool")
    echo "$tool is missing: install it by hand (Debian: apt-get install $tool); without it, $(loss "$tool")." >&2
  done
  [[ ${#still_missing[@]} == 0 || $required == false ]]
}

main "$@"
