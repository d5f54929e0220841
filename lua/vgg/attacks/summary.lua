-- What a grid of attacks came to, in numbers, and what should be said about it.
local summary = {}

local function median(list)
  table.sort(list)
  local n = #list
  if n == 0 then return 0 / 0 end
  return n % 2 == 1 and list[(n + 1) / 2] or (list[n / 2] + list[n / 2 + 1]) / 2
end
summary.median = median

local function group(grid, want)
  local g = { rows = 0, success = 0, confident = 0, lost = 0, p = 0 }
  local iterations, l2, linf = {}, {}, {}
  for i = 1, grid.count do
    if want(i) then
      g.rows = g.rows + 1
      g.p = g.p + grid.prob[i]
      if grid.success[i] then
        g.success = g.success + 1
        if grid.predicted_8bit[i] ~= grid.targets[i] then g.lost = g.lost + 1 end
      end
      if grid.prob[i] > (grid.attack.threshold or 0.5) then g.confident = g.confident + 1 end
      local k = #l2 + 1
      iterations[k], l2[k], linf[k] = grid.iterations[i], grid.l2[i], grid.linf[i]
    end
  end
  g.rate = g.rows > 0 and g.success / g.rows or 0 / 0
  g.iterations, g.l2, g.linf = median(iterations), median(l2), median(linf)
  g.p = g.rows > 0 and g.p / g.rows or 0 / 0
  return g
end

-- Rows against the images' own class are not counted (they succeed by doing nothing).
function summary.counted(grid, i) return grid.targets[i] ~= grid.source end

-- { all = group, by_target = { [class + 1] = group } }; a group has rows, success, rate, confident
-- (above the threshold), lost (no longer fooled after rounding to 8 bits), medians of iterations,
-- l2, linf, and the mean p.
function summary.of(grid)
  local out = { by_target = {} }
  out.all = group(grid, function(i) return summary.counted(grid, i) end)
  for class = 0, #grid.session.classes - 1 do
    out.by_target[class + 1] = group(grid, function(i) return grid.targets[i] == class end)
  end
  return out
end

-- Rows that could have moved and did not: fewer than a tenth of the changes their steps allow.
function summary.stalled(grid)
  local n, rows, far = 0, 0, 0
  local lr = grid.attack.lr
  if not lr then return 0, 0, 0 end
  for i = 1, grid.count do
    local k = grid.iterations[i]
    if k >= 10 then
      rows = rows + 1
      if not grid.success[i] and grid.linf[i] < 0.1 * lr * k then
        n, far = n + 1, math.max(far, grid.linf[i])
      end
    end
  end
  return n, rows, far
end

-- Sentences worth a warning, each with its number and a remedy.
function summary.warnings(grid)
  local list, victims = {}, grid.session.victims
  local n, _, far = summary.stalled(grid)
  if n > 0 then
    local prob = grid.attack.objective_name == "prob"
    list[#list + 1] = ("%d of %d did not move: no pixel changed by more than %.1e of the %.2g "
      .. "possible. %s"):format(n, grid.count, far, grid.attack.reach, prob
      and "The gradient of p is p (1 - p) times that of the logits and vanishes where the network "
      .. "is sure; try --objective logprob" or "Their gradients are 0; is the network saturated?")
  end
  local wrong = 0
  for i, class in ipairs(victims.predicted) do
    if class ~= victims.labels[i] then wrong = wrong + 1 end
  end
  if wrong > 0 then
    list[#list + 1] = ("%d of the %d images are misclassified before any attack (column "
      .. "clean_prediction); --only-correct leaves such images out"):format(wrong,
      #victims.predicted)
  end
  local all = summary.of(grid).all
  if all.lost > 0 then
    list[#list + 1] = ("%d of %d successful adversaries no longer fool the network once rounded to "
      .. "8-bit pixels (column target_prob_8bit)"):format(all.lost, all.success)
  end
  return list
end

return summary
