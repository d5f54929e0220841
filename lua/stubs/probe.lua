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

---Looks inside a model: p = probe(model, "features.7"); model(x); p.act is what the layer gave
---last. p.grad { x, target = "dog" } is the gradient of the loss there, p:stats() the statistics of
---its channels, p:dead() the channels that are always 0; p:remove() takes it out again.
---@class Probe
---@field act the layer's last output
---@field grad function of { x, target = }: gradient of the loss with respect to the output
Probe = {}

---@return Probe
function vgg.probe(model, path) end

---Size of the gradient of a class's score at every pixel: H x W, or N x H x W for a batch.
---@option target predicted class name, number or labels
---@option times_input false gradient times input, with its sign
---@option samples 1 mean over so many noisy copies
---@option noise 0.15 their noise as a share of the image's range
---@return Tensor
function vgg.probe.saliency(model, x, options) end

---How much a class's probability falls when a square of the image is covered: H x W.
---@option target predicted class name or number
---@option window 8 side of the square
---@option stride 4 pixels between squares
---@option value mean what covers
---@option batch_size 64 copies at once
---@return Tensor
function vgg.probe.occlusion(model, x, options) end

---The images of a data set (or loader) with the strongest activation of a channel, counted from 1.
---The result has entries { value, index, image, label }, prints itself, and gives figure(), show().
---@option count 9 images kept
---@option by "max" "max" or "mean" over the channel's positions
---@option batches all batches looked at
---@return TopImages
function vgg.probe.top_images(model, path, channel, source, options) end

---One forward and backward with an eye on every layer: shape, mean, std, share of zeros, gradient
---norm; layers that are dead, exploding, vanishing or not finite are named in words. The model
---stays as it is. The result prints itself; rows, flagged().
---@option target largest score class name, number or labels whose loss is differentiated
---@return Trace
function Module:trace(x, options) end

---An image tensor in the terminal: kitty's or sixel graphics, half blocks, or characters, whichever
---the terminal offers.
---@option protocol detected "kitty", "sixel", "blocks" or "ascii"
---@option scale fits whole number of screen pixels a pixel (kitty and sixel)
---@option low smallest value value shown black
---@option high largest value value shown white
function vgg.show(x, options) end
