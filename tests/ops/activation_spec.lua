local point = require "tests.support.point"

describe("activation", function()
  point.each("activation", it)
end)
