-- Downloads CIFAR-10, checks it and unpacks it: fetch { data_root =, url =, repair = } -> true and
-- what happened, or nil and the reason. A copy that is already there costs no request.
local core = require "vgg.core"
local util = require "vgg.util"

local origin = "https://www.cs.toronto.edu/~kriz/"
local archives = {
  ["cifar-10-binary.tar.gz"] = "c32a1d4ab5d03f1284b67883e8d87530",
  ["cifar-10-python.tar.gz"] = "c58f30108f718f92721af3b95e74349a",
}
local known = { data_root = true, url = true, repair = true, max_wait = true, progress = true,
  md5 = true, partial = true, timeout = true, retries = true }

-- A URL that names neither archive is taken for a directory that holds the binary one.
local function target(url)
  url = url or origin
  local name = util.basename(url:gsub("[?#].*", ""))
  if archives[name] then return url, name end
  if url:find("%.tar%.gz$") then return url, "cifar-10-binary.tar.gz" end
  return url:gsub("/+$", "") .. "/cifar-10-binary.tar.gz", "cifar-10-binary.tar.gz"
end

-- Reads everything a copy holds; true, or nil and the first thing wrong with it.
local function check(root, partial)
  for _, train in ipairs { true, false } do
    local ok, got = pcall(core.data.cifar10, root, train, partial)
    if not ok then return nil, tostring(got) end
    got:close()
  end
  return true
end

-- Stops a download whose speed after 15 s means more than max_wait seconds in all.
local function patient(progress, max_wait, state)
  if progress == true then progress, state.close = require "vgg.data.progress"() end
  local start, first = core.clock(), nil
  return function(done, total)
    first = first or done
    local spent = core.clock() - start
    if max_wait and spent > 15 and total > 0 then
      local speed = math.max(1, (done - first) / spent)
      if (total - done) / speed > max_wait then
        state.slow = ("at %s/s it would take %s; 'vgglua fetch cifar10' goes on from there"):format(
          util.bytes(speed), util.duration((total - done) / speed))
        return false
      end
    end
    if progress then return progress(done, total) end
  end
end

local function download(root, o)
  local url, name = target(o.url)
  local state, path = {}, root .. "/" .. name
  local ok, got, why = pcall(core.io.download, {
    url = url, path = path, md5 = o.md5 or archives[name], what = "data",
    timeout = o.max_wait and 10 or o.timeout, retries = o.max_wait and 1 or o.retries,
    progress = patient(o.progress, o.max_wait, state),
  })
  if state.close then state.close() end
  if state.slow then return nil, "data: " .. state.slow end
  if not ok then error(got, 0) end
  if not got then return nil, why end
  return path
end

-- data_root: directory (./data); url: an archive or a directory that holds one; repair: check what
-- is there and replace what is damaged; max_wait: give up where it would take longer (seconds);
-- timeout, retries: of the server;
-- progress: true or function(done, total); md5, partial: for archives that are not the official
-- ones.
return function(o)
  o = o or {}
  util.check_options("fetch", o, known)
  local root = o.data_root or os.getenv "VGG_DATA" or "./data"
  local place = core.data.find_cifar10(root)
  if place and not o.repair then
    return true, ("already there: %s (%s)"):format(place.path, place.form)
  end
  if place then
    local fine = check(root, o.partial)
    if fine then return true, ("whole: %s (%s)"):format(place.path, place.form) end
  end
  local archive, why = download(root, o)
  if not archive then return nil, why end
  local ok, problem = core.data.unpack(archive, root)
  if not ok then return nil, problem end
  ok, problem = check(root, o.partial)
  if not ok then return nil, problem end
  return true, ("unpacked %s"):format(archive)
end
