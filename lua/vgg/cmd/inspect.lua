-- `vgglua inspect FILE`: what a checkpoint or a file of weights holds.
local cli = require "vgg.cli"
local util = require "vgg.util"

local spec = {
  "Shows what a checkpoint holds: tensors, types, sizes, which model it looks like, and what was "
    .. "kept beside them. Reads .safetensors, .pth, .pt, .ckpt, runs, and directories of Hugging "
    .. "Face's cache; runs nothing that is in them.",
  { "verify", false, "also compare every tensor with the file's check sums" },
  { "all", false, "list the optimizer's and other tensors, too" },
  { "runs_dir", "runs", "where runs are kept" },
  { "json", false, "one JSON object" },
  args = "FILE|RUN",
}

return function(...)
  local opt = cli.parse(spec, { ... }, "vgglua inspect")
  if #opt ~= 1 then
    util.fail("usage", "vgglua inspect: want one file or run: vgglua inspect model.pth")
  end
  local path = require("vgg.train.runs").find(opt[1], opt.runs_dir, "best")
  local describe = require "vgg.checkpoint.describe"
  local facts = describe.facts(path)
  if opt.verify then
    local ok, why = require("vgg.checkpoint").verify(path)
    if not ok then util.fail("data", "%s", why) end
    facts.verified = true
  end
  if opt.json then
    print(require("vgg.json").encode(facts))
  else
    print(describe.text(facts, opt.all))
    if opt.verify then
      print(facts.format == "torch legacy" and "\nThe format has no check sums; sizes fit." or
        "\nEvery check sum the file has holds.")
    end
  end
  return 0
end
