---@meta
-- Weights & Biases.

---Runs for Weights & Biases without Python: init, Image, Table, Histogram, plot, plot_table.
---Without an API key a run is written to disk, and `wandb sync DIRECTORY` uploads it.
vgg.wandb = {}

---Starts a run and returns it: run:log, run:define_metric, run:log_config, run:log_summary,
---run:save, run:flush, run:finish; run.config and run.summary read and write.
---What is not given comes from the environment (WANDB_PROJECT, WANDB_MODE, ...).
---@option project nil by default the git repository's name
---@option entity nil user or team
---@option name nil as shown; the server invents one
---@option group nil runs that belong together
---@option job_type nil "train", "eval", ...
---@option tags nil { "a", "b" }
---@option notes nil text
---@option config nil table of settings
---@option mode nil "online", "offline" or "disabled"; offline where there is no key
---@option resume nil "allow", "must", "never" or "auto"
---@option id nil the run's, eight letters and digits by default
---@option dir nil where the directory wandb/ is made; by default here
---@option key nil API key
---@option base_url nil the server, by default https://api.wandb.ai
---@option console true what is printed goes along
---@return Run
function vgg.wandb.init(options) end

---As init, for a caller that finishes the run itself; `defaults` hold for what nothing else says.
---@return Run
function vgg.wandb.start(options, defaults) end

---A row of the run started last: run:log.
---@param row table key -> number, text, boolean, tensor of one element, Image, list of Images,
---Table, Histogram or chart
---@param options table { step =, commit = false }
function vgg.wandb.log(row, options) end

---Ends the run started last: run:finish.
---@param code integer 0 for success
function vgg.wandb.finish(code) end

---run:define_metric of the run started last.
---@param name string may end in *
---@option step_metric nil key of the x-axis
---@option step_sync nil fill in the x-axis where a row lacks it; true with a step_metric
---@option summary nil words of min max mean first last best none: "max,last"
---@option goal nil "maximize" or "minimize", for best
---@option hidden false
---@option overwrite false replace an earlier definition
function vgg.wandb.define_metric(name, options) end

---An image: a tensor C x H x W with floats in 0 .. 1 or uint8, "file.png", a figure or
---{ png = bytes }.
---@option caption nil text
---@option scale nil whole number
---@return Image
function vgg.wandb.Image(source, options) end

---A table; cells are numbers, text, booleans, json.null and Images. table:add_data(...) adds a row.
---@option columns required { names }
---@option data nil { { cells }, ... }
---@return Table
function vgg.wandb.Table(options) end

---A histogram of a tensor or list, or of { counts = {n}, edges = {n + 1} }.
---@option bins 64
---@return Histogram
function vgg.wandb.Histogram(values, options) end

---A custom chart over a table.
---@option table required Table
---@option spec required "wandb/bar/v0" and the like
---@option fields required { field of the chart = column }
---@option strings nil { title = }
---@option split_table false put the table under "Custom Chart Tables"
---@return Chart
function vgg.wandb.plot_table(options) end

---Charts to be logged: confusion_matrix, line_series, line, scatter, bar, histogram.
vgg.wandb.plot = {}

---A confusion matrix from finished counts; no predictions are needed.
---@option matrix required { { counts } ... }, rows are true classes
---@option classes nil names
---@option title "Confusion Matrix Curve"
---@option split_table true put the table under "Custom Chart Tables"
---@return Chart
function vgg.wandb.plot.confusion_matrix(options) end

---Several lines over one axis.
---@option xs required numbers, or a list of them for each line
---@option ys required { { numbers }, ... }
---@option keys nil names
---@option title nil
---@option xname "x"
---@option split_table false
---@return Chart
function vgg.wandb.plot.line_series(options) end

---One line over two columns of a table, a line for each value of `stroke`.
---@option x required column
---@option y required column
---@option stroke nil column
---@option title nil
---@return Chart
function vgg.wandb.plot.line(table, options) end

---Points over two columns of a table.
---@option x required column
---@option y required column
---@option title nil
---@return Chart
function vgg.wandb.plot.scatter(table, options) end

---Bars: a label and a value a row.
---@option label required column
---@option value required column
---@option title nil
---@return Chart
function vgg.wandb.plot.bar(table, options) end

---A histogram of a column.
---@option value required column
---@option title nil
---@return Chart
function vgg.wandb.plot.histogram(table, options) end
