local point = require "tests.support.point"

describe("reduce", function()
  point.each("reduce", it)
end)
