-- `:checkhealth otp_genesis`
local M = {}

---@param program string
---@return string? its version, in its own words
local function version(program)
  local ended = vim.system({ program, '--version' }, { text = true }):wait(10000)
  return ended.code == 0 and vim.trim(ended.stdout) or nil
end

local function check_server(program)
  if vim.fn.executable(program) == 0 then
    return vim.health.error(program .. ' is not on PATH', {
      'uv tool install otp-genesis',
      "or name another: vim.lsp.config('otp_genesis', { cmd = { '/path/to/otp-genesis', 'lsp' } })",
    })
  end
  local found = version(program)
  if found then
    vim.health.ok(('%s: %s'):format(found, vim.fn.exepath(program)))
  else
    vim.health.error(('%s does not run: try `%s --version` in a terminal'):format(program, program))
  end
end

function M.check()
  vim.health.start('OTP-Genesis')
  if vim.fn.has('nvim-0.11') == 0 then
    return vim.health.error('Neovim 0.11 or newer is needed')
  end
  local config = vim.lsp.config.otp_genesis
  if not (config and config.cmd) then
    return vim.health.error('lsp/otp_genesis.lua is not found', { "add 'editors/nvim' to 'runtimepath'" })
  end
  check_server(config.cmd[1])
  local clients = vim.lsp.get_clients({ name = 'otp_genesis' })
  if #clients == 0 then
    vim.health.warn('no server runs', { "vim.lsp.enable('otp_genesis')", 'and open a file of a Mix project' })
  end
  for _, client in ipairs(clients) do
    vim.health.ok(('a server runs for %s'):format(client.root_dir or 'a single file'))
  end
  if vim.fn.executable('mix') == 1 then
    vim.health.ok('mix is there: changes can be verified')
  else
    vim.health.info('mix is not on PATH: findings, fixes and plans work, verifying does not')
  end
end

return M
