---@brief
---
--- OTP-Genesis finds OTP anti-patterns in Elixir projects, fixes them, and plans the rest.
---
--- Put this folder (`editors/nvim`) on your 'runtimepath', the command `otp-genesis` on your PATH, and
--- ```lua
--- vim.lsp.enable('otp_genesis')
--- ```
--- in your init.lua. It runs beside any other server for Elixir. `gra` on a squiggle offers the fix, and
--- `:OtpGenesis` the rest: `plan`, `phase`, `fix`, `verify`, `tree`, `test`, `cancel`.

---@type vim.lsp.Config
return {
  cmd = { 'otp-genesis', 'lsp', '--stdio' },
  filetypes = { 'elixir', 'markdown' },
  root_dir = function(bufnr, on_dir)
    local file = vim.api.nvim_buf_get_name(bufnr)
    if vim.bo[bufnr].filetype == 'markdown' and not file:find('/.otp-genesis/plan/', 1, true) then
      return -- of all Markdown, only the plan is ours
    end
    -- Of two mix.exs above the file, the outer one is the umbrella's. Without any, the file stands alone.
    local found = vim.fs.find({ 'mix.exs' }, { upward = true, limit = 2, path = file })
    on_dir(vim.fs.dirname(found[#found]))
  end,
}
