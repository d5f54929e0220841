---@meta
-- What vgg.attacks offers, for ?name and for editors.

---Adversarial attacks. A method makes an attack: a = attacks.targeted_adam { lr = 1e-3 }; then
---a(model, images, classes) with images N x 3 x H x W in 0..1 attacks all of them at once. The
---result has adversary and, by sample, prob, predicted, success, iterations, l2, linf, prob_8bit,
---clean_prob, clean_predicted and history. The model is in evaluation mode meanwhile and is not
---changed.
attacks = {}

---Adam on the input until p(class) is above prob_threshold, looked at before each step and for each
---sample alone.
---@option lr 1e-3 step size
---@option max_iter 100 most steps
---@option prob_threshold 0.99 a sample is done above this
---@option objective "logprob" "logprob", "prob" or "margin"
---@option space "pixel" "norm": moves the normalised inputs
---@option clamp true keeps pixels within 0..1
---@option kappa 0 lead that "margin" asks for
---@return Attack
function attacks.targeted_adam(options) end

---One step of eps against the gradient's sign (norm "l2": along the gradient).
---@option eps 8/255 size of the step
---@option norm "linf" "linf" or "l2"
---@option targeted false towards the classes instead of away from them
---@option objective "logprob" "logprob", "prob" or "margin"
---@option kappa 0 lead that "margin" asks for
---@return Attack
function attacks.fgsm(options) end

---Steps of alpha, each followed by a projection into the ball of radius eps around the image.
---@option eps 8/255 radius
---@option alpha 2.5*eps/steps size of a step
---@option steps 10 number of steps
---@option norm "linf" "linf" or "l2"
---@option targeted false towards the classes instead of away from them
---@option random_start true begins anywhere in the ball
---@option momentum 0 memory of the direction
---@option stop false a sample rests once the network is fooled
---@option objective "logprob" "logprob", "prob" or "margin"
---@option kappa 0 lead that "margin" asks for
---@return Attack
function attacks.pgd(options) end

---Carlini and Wagner's attack: the least L2 for which the classes are reached (or left).
---@option targeted true towards the classes
---@option c 1e-2 first weight of the margin against the distance
---@option kappa 0 lead that is asked for
---@option lr 1e-2 step of Adam
---@option steps 100 steps of a search
---@option search_steps 5 searches for the weight
---@return Attack
function attacks.cw(options) end

---A model of pixels in 0..1 around one of normalised inputs: { model, mean = {}, std = {} }.
---precision = "bf16": that one computes in it (vgg.autocast); else as its surroundings say.
---@return Module
function attacks.Normalized(options) end

---The network of a checkpoint or run as attacks take it; nil: the newest best checkpoint.
---options: runs_dir, model, precision (of Normalized).
---@return Module
function attacks.load(what, options) end
