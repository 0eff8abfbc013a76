-- `:OtpGenesis`: what of the language server needs a command, rather than a key that Neovim has already.
if vim.g.loaded_otp_genesis or vim.fn.has('nvim-0.11') == 0 then
  return
end
vim.g.loaded_otp_genesis = true

vim.api.nvim_create_user_command('OtpGenesis', function(call)
  require('otp_genesis').run(call.fargs, call.bang)
end, {
  nargs = '+',
  desc = 'OTP-Genesis: plan, phase, fix, verify, tree, test, cancel',
  complete = function(typed, line)
    return require('otp_genesis').complete(typed, line)
  end,
})
