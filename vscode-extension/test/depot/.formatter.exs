[inputs: ["{lib,test}/**/*.{ex,exs}", "mix.exs"]]
