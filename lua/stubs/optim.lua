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
