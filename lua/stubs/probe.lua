---@meta
-- Looking inside models: summaries, probes, pictures in the terminal.

---Layers, MACs and training memory of a model, as torchinfo shows them and exactly. Nothing is
---computed: shapes and allocations are played on the device "plan". The result prints itself; it
---has fields macs, parameters, memory, largest_batch, no_gradient, rows and methods torchinfo(),
---json().
---@option batch_size 128 images a step
---@option input {3,32,32} shape of an image
---@option depth 5 levels of the tree shown
---@option columns four also kernel_size, groups, params_percent, mult_adds
---@option budget nil memory for training, as "16GiB": finds the largest batch
---@option optimizer "Adam" Adam, AdamW, SGD, false, or a function of the model
---@option accumulate 1 batches a step
---@option loss nil function(output, labels), default cross-entropy
---@option top 10 layers in the lists
---@return Summary
function vgg.summary(model, options) end
