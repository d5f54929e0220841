---@meta
-- Optimisers of vgg.optim, for ?name, completion and editors.

---Adam; weight decay is added to the gradient.
---Takes a model, parameters, or groups of them: { model:parameters "classifier", lr = 1e-4 }.
---@option lr 1e-3 learning rate
---@option betas {0.9,0.999} memory of mean and square
---@option eps 1e-8 added to the root
---@option weight_decay 0 pull towards 0
---@return Optimizer
function optim.Adam(options) end

---Adam whose weight decay shrinks the weights directly.
---Takes a model, parameters, or groups of them: { model:parameters "classifier", lr = 1e-4 }.
---@option lr 1e-3 learning rate
---@option betas {0.9,0.999} memory of mean and square
---@option eps 1e-8 added to the root
---@option weight_decay 0.01 shrinking
---@return Optimizer
function optim.AdamW(options) end

---Gradient descent, with momentum on request.
---Takes a model, parameters, or groups of them: { model:parameters "classifier", lr = 1e-4 }.
---@option lr 1e-3 learning rate
---@option momentum 0 memory of the direction
---@option dampening 0 share of the new gradient left out
---@option weight_decay 0 pull towards 0
---@option nesterov false look ahead
---@return Optimizer
function optim.SGD(options) end

---Scales all gradients so that their common norm is at most max_norm; gives the norm before.
---@return number
function optim.clip_grad_norm(params, max_norm) end

---Cuts every gradient to -bound .. bound.
function optim.clip_grad_value(params, bound) end

---Common norm of the gradients.
---@return number
function optim.grad_norm(params) end

---The rate stays. { optimizer }; without one all of these give a function(optimizer).
---@option interval "step" "step" or "epoch": when a trainer calls step()
---@return Schedule
function optim.schedule.Constant(options) end

---From the rate down to eta_min in T_max steps along a cosine.
---@option T_max 100 steps; must be given
---@option eta_min 0 last rate
---@option interval "step" "step" or "epoch": when a trainer calls step()
---@return Schedule
function optim.schedule.Cosine(options) end

---Up to max_lr and far down again, in total_steps.
---@option max_lr 0.1 highest rate, or one a group; must be given
---@option total_steps 100 must be given
---@option pct_start 0.3 share of the steps that go up
---@option anneal "cos" "cos" or "linear"
---@option div_factor 25 first rate = max_lr / div_factor
---@option final_div_factor 1e4 last rate = first rate / final_div_factor
---@option three_phase false down to the first rate as fast as up
---@option cycle_momentum true momentum or beta1 the other way round
---@option base_momentum 0.85 lowest
---@option max_momentum 0.95 highest
---@option interval "step" "step" or "epoch": when a trainer calls step()
---@return Schedule
function optim.schedule.OneCycle(options) end

---From start_factor times the rate to the rate in `steps`, then `after`.
---@option steps 500 must be given
---@option start_factor 1/3 first share of the rate
---@option after nil the schedule that follows
---@option interval "step" "step" or "epoch": when a trainer calls step()
---@return Schedule
function optim.schedule.WarmUp(options) end

---Times gamma every step_size steps.
---@option step_size 30 must be given
---@option gamma 0.1 factor
---@option interval "step" "step" or "epoch": when a trainer calls step()
---@return Schedule
function optim.schedule.Step(options) end

---Times gamma at each milestone.
---@option milestones {30,80} must be given
---@option gamma 0.1 factor
---@option interval "step" "step" or "epoch": when a trainer calls step()
---@return Schedule
function optim.schedule.MultiStep(options) end

---Times gamma each step.
---@option gamma 0.95 must be given
---@option interval "step" "step" or "epoch": when a trainer calls step()
---@return Schedule
function optim.schedule.Exponential(options) end
