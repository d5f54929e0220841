-- No C source over 500 lines, no Lua source over 400, no function of C over 70 lines.
local most = { c = 500, h = 500, lua = 400 }
local longest_function = 70
local problems, files = 0, 0

local function complain(...)
  problems = problems + 1
  print(string.format(...))
end

local function check(file)
  local n, start = 0, nil
  files = files + 1
  for text in io.lines(file) do
    n = n + 1
    if file:match "%.c$" then
      if text:match "^[%w_].*%)%s*{$" then start = n end
      if text == "}" and start then
        if n - start > longest_function then
          complain("%s:%d: function of %d lines", file, start, n - start)
        end
        start = nil
      end
    end
  end
  if n > most[file:match "%.(%w+)$"] then complain("%s: %d lines", file, n) end
end

local list = assert(io.popen
  "find core lua experiments -name '*.c' -o -name '*.h' -o -name '*.lua'")
for file in list:lines() do check(file) end
list:close()
print(("sizes: %d files, %d problems"):format(files, problems))
os.exit((problems == 0 and files > 20) and 0 or 1)
