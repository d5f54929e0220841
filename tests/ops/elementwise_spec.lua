local point = require "tests.support.point"

describe("elementwise", function()
  point.each("elementwise", it)
end)
