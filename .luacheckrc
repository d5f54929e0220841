std = "luajit"
max_line_length = 100
files["tests"] = { std = "+busted" }
files["lua/stubs"] = { ignore = { "1..", "212" } } -- declarations only
exclude_files = { "build*/" }
