"""Questions about processes: what a module is, what OTP calls in it, who starts what, who sees it end."""
