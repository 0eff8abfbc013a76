-- The subcommands of `:OtpGenesis`. Each asks the server with a request of its own, which can be cancelled.
local M = {}

local NAME = 'otp_genesis'
local METHOD_NOT_FOUND, REQUEST_CANCELLED = -32601, -32800

---The request that is being answered, so that it can be cancelled.
---@type { client: vim.lsp.Client, id: integer, title: string }?
local running

---@param message string
---@param level integer?
local function tell(message, level)
  vim.notify('OTP-Genesis: ' .. message, level or vim.log.levels.INFO)
end

---@return vim.lsp.Client?
local function client_here()
  local client = vim.lsp.get_clients({ bufnr = 0, name = NAME })[1]
  if not client then
    tell('no server looks after this buffer, see :checkhealth otp_genesis', vim.log.levels.ERROR)
  end
  return client
end

---@param client vim.lsp.Client
---@return string? uri of the project that the buffer is in
local function root_of(client)
  return client.root_dir and vim.uri_from_fname(client.root_dir) or nil
end

---@param client vim.lsp.Client
---@param name string `verify` of `otpGenesis/verify`
---@param title string in the user's words
---@param arguments table
local function ask(client, name, title, arguments)
  local function answered(err)
    running = nil
    if not err or err.code == REQUEST_CANCELLED then
      return
    end
    local reason = err.code == METHOD_NOT_FOUND and 'this server does not know it: install a newer one'
      or err.message
    tell(('%s: %s'):format(title, reason), vim.log.levels.ERROR)
  end
  local is_sent, id = client:request('otpGenesis/' .. name, arguments, answered, 0)
  if is_sent and id then
    running = { client = client, id = id, title = title }
  end
end

---@param client vim.lsp.Client
---@return table<integer, integer> the number of findings by phase
local function counts(client)
  local found = {}
  for _, diagnostic in ipairs(vim.diagnostic.get()) do
    local phase = diagnostic.source == 'otp-genesis' and tonumber(tostring(diagnostic.code):match('^OTP(%d)'))
    if phase then
      found[phase] = (found[phase] or 0) + 1
    end
  end
  return found
end

---@type table<string, fun(client: vim.lsp.Client, words: string[])>
local subcommands = {}

---`plan [--model=NAME] [GOAL]`: writes the refactor plan, or brings it up to date; the model advises on it.
function subcommands.plan(client, words)
  local model = words[1] and words[1]:match('^%-%-model=(.+)$')
  if model then
    table.remove(words, 1)
  end
  local goal = table.concat(words, ' ')
  ask(client, 'generatePlan', 'plan', { goal = goal, model = model, root = root_of(client) })
end

---`phase [1-5]`: does the open items of a phase of the plan.
function subcommands.phase(client, words)
  local function run(phase)
    if phase then
      ask(client, 'runPhase', 'phase ' .. phase, { phase = phase, root = root_of(client) })
    end
  end
  if words[1] then
    return run(tonumber(words[1]) or tell('phase takes a number from 1 to 5', vim.log.levels.ERROR))
  end
  local found = counts(client)
  vim.ui.select({ 1, 2, 3, 4, 5 }, {
    prompt = 'Which phase?',
    format_item = function(phase)
      return ('Phase %d: %d findings'):format(phase, found[phase] or 0)
    end,
  }, run)
end

---`fix`: the fix of the finding on this line. `fix all`: all safe fixes of the file.
function subcommands.fix(_, words)
  local is_all = words[1] == 'all'
  vim.lsp.buf.code_action({
    apply = true,
    context = { only = { is_all and 'source.fixAll.otpGenesis' or 'quickfix' }, diagnostics = {} },
    filter = function(action)
      return is_all or vim.startswith(action.title, 'Fix with OTP-Genesis: ')
    end,
  })
end

---`verify`: compiles and tests what stands in the editor, in an isolated copy.
function subcommands.verify(client)
  ask(client, 'verify', 'verify', { uri = vim.uri_from_bufnr(0) })
end

---`tree [markdown|text|mermaid|svg|json]`: opens the supervision tree.
function subcommands.tree(client, words)
  ask(client, 'showSupervisionTree', 'tree', { root = root_of(client), format = words[1] or 'text' })
end

---`test`: generates an ExUnit test for the function at the cursor.
function subcommands.test(client)
  local position = vim.lsp.util.make_position_params(0, client.offset_encoding).position
  ask(client, 'generateTest', 'test', { uri = vim.uri_from_bufnr(0), position = position })
end

---`cancel`: ends the work that was asked for last.
function subcommands.cancel()
  if not running then
    return tell('nothing is running')
  end
  running.client:cancel_request(running.id)
  tell(running.title .. ' is cancelled')
  running = nil
end

local ARGUMENTS = {
  plan = { '--model=claude', '--model=gemini' },
  phase = { '1', '2', '3', '4', '5' },
  fix = { 'all' },
  tree = { 'markdown', 'text', 'mermaid', 'svg', 'json' },
}

---@param words string[] the subcommand and its arguments
function M.run(words)
  local name = table.remove(words, 1)
  local subcommand = subcommands[name]
  if not subcommand then
    local known = vim.tbl_keys(subcommands)
    table.sort(known)
    return tell(('there is no %q, only %s'):format(name, table.concat(known, ', ')), vim.log.levels.ERROR)
  end
  local client = client_here()
  if client then
    subcommand(client, words)
  end
end

---@param typed string
---@param line string
---@return string[]
function M.complete(typed, line)
  local name = line:match('^%s*%S+%s+(%S+)%s')
  local candidates = name and (ARGUMENTS[name] or {}) or vim.tbl_keys(subcommands)
  table.sort(candidates)
  return vim.tbl_filter(function(candidate)
    return vim.startswith(candidate, typed)
  end, candidates)
end

return M
