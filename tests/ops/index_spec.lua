local stored = require "tests.support.stored"

describe("index", function()
  stored.each("index", it)
end)
