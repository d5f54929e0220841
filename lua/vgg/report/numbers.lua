-- What follows from a confusion matrix, and how numbers are written in reports.
local numbers = {}

local function is_number(v)
  return type(v) == "number" and v == v and v ~= math.huge and v ~= -math.huge
end
numbers.is_number = is_number

-- { { name, n = images, recall, precision, f1 } ... }; nan where there is nothing to divide by.
function numbers.per_class(matrix, classes)
  local rows = {}
  for i, row in ipairs(matrix) do
    local truth, predicted = 0, 0
    for j = 1, #matrix do truth, predicted = truth + row[j], predicted + matrix[j][i] end
    local recall, precision = row[i] / truth, row[i] / predicted
    rows[i] = { name = classes and classes[i] or tostring(i - 1), n = truth, recall = recall,
      precision = precision, f1 = 2 * row[i] / (truth + predicted) }
  end
  return rows
end

-- Images in a matrix, and how many are right.
function numbers.totals(matrix)
  local all, right = 0, 0
  for i, row in ipairs(matrix) do
    for j, n in ipairs(row) do
      all = all + n
      if i == j then right = right + n end
    end
  end
  return all, right
end

-- The largest counts off the diagonal: { { truth, predicted, n, share = of the row } ... }.
function numbers.confusions(matrix, classes, most)
  local list = {}
  for i, row in ipairs(matrix) do
    local sum = 0
    for _, n in ipairs(row) do sum = sum + n end
    for j, n in ipairs(row) do
      if i ~= j and n > 0 then
        list[#list + 1] = { truth = classes and classes[i] or tostring(i - 1),
          predicted = classes and classes[j] or tostring(j - 1), n = n, share = n / sum,
          at = i * #matrix + j }
      end
    end
  end
  table.sort(list, function(a, b)
    if a.n ~= b.n then return a.n > b.n end
    return a.at < b.at
  end)
  for i = #list, most + 1, -1 do list[i] = nil end
  return list
end

-- Pairs of classes by the confusions in both directions: { { a, b, n, a_as_b, b_as_a } ... }.
function numbers.pairs_of(matrix, classes, most)
  local list = {}
  for i = 1, #matrix do
    for j = i + 1, #matrix do
      local there, back = matrix[i][j], matrix[j][i]
      if there + back > 0 then
        list[#list + 1] = { a = classes and classes[i] or tostring(i - 1),
          b = classes and classes[j] or tostring(j - 1), n = there + back, a_as_b = there,
          b_as_a = back, at = i * #matrix + j }
      end
    end
  end
  table.sort(list, function(x, y)
    if x.n ~= y.n then return x.n > y.n end
    return x.at < y.at
  end)
  for i = #list, most + 1, -1 do list[i] = nil end
  return list
end

-- Two standard errors of a share p measured on n images.
function numbers.two_errors(p, n) return 2 * math.sqrt(p * (1 - p) / n) end

-- 0.57384 -> "0.5738"; what is no number -> "–"
function numbers.text(v, format)
  if not is_number(v) then return "–" end
  return (format or "%.4f"):format(v)
end

-- With its sign: "+0.0362", "−0.0041", "±0.0000".
function numbers.signed(v, format)
  if not is_number(v) then return "–" end
  format = format or "%.4f"
  local text = format:format(math.abs(v))
  local zero = not text:find "[1-9]"
  return (zero and "±" or v > 0 and "+" or "−") .. text
end

function numbers.percent(v)
  if not is_number(v) then return "–" end
  return ("%.1f %%"):format(100 * v)
end

return numbers
