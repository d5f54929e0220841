-- Which pictures the terminal can draw: VGG_GRAPHICS, else what its environment says, else what it
-- answers when asked.
local util = require "vgg.util"

local protocol = { known = { kitty = true, sixel = true, blocks = true, ascii = true } }

local function from_environment(get)
  local term, program = get "TERM" or "", get "TERM_PROGRAM" or ""
  if get "TMUX" or term:match "^screen" then return nil end -- what tmux passes on, it answers for
  if get "KITTY_WINDOW_ID" or term:match "kitty" or term:match "ghostty"
    or program == "ghostty" then
    return "kitty"
  end
  if program == "WezTerm" or term:match "^foot" or term:match "^mlterm" or term:match "sixel" then
    return "sixel"
  end
end

-- Device attributes: 4 among them is sixel. The kitty question before it is answered by those who
-- know it and swallowed by the others.
function protocol.from_answer(text)
  if text:find("\27_Gi=31;OK", 1, true) then return "kitty" end
  local attributes = text:match "\27%[%?([%d;]*)c"
  if attributes and (";" .. attributes .. ";"):find(";4;", 1, true) then return "sixel" end
end

local question = "\27_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\27\\\27[c"

-- get: os.getenv, or a stand-in; ask(question) -> the terminal's answer, or nil.
function protocol.detect(get, colour, ask)
  local wanted = get "VGG_GRAPHICS"
  if wanted and wanted ~= "" then
    if not protocol.known[wanted] then
      util.fail("usage", "VGG_GRAPHICS: no '%s'%s. Known: %s", wanted,
        util.hint(wanted, protocol.known), table.concat(util.keys(protocol.known), " "))
    end
    return wanted
  end
  if not colour then return "ascii" end
  local found = from_environment(get)
  if found then return found end
  local answer = ask and ask(question)
  return answer and protocol.from_answer(answer) or "blocks"
end

local detected

-- Of the terminal on stdout; asked once.
function protocol.of_terminal()
  if not detected then
    local host = package.loaded["vgg.host"]
    detected = protocol.detect(os.getenv, util.colour(1), host and host.ask and function(text)
      io.stdout:flush()
      return host.ask(text, "c", 0.2)
    end)
  end
  return detected
end

return protocol
