-- For wrk: each of its threads, of one connection each, posts the lines of a file in turn and
-- compares every answer with the same line of another.
--   wrk -t N -c N -s load.lua URL -- BODIES ANSWERS
-- With MEAN_PAUSE_MS in the environment, each waits so long between an answer and the next request,
-- exponentially distributed: many connections together then ask as a Poisson process does.
local threads = {}
local mean_pause_ms = tonumber(os.getenv("MEAN_PAUSE_MS") or "0")

function setup(thread)
  thread:set("first", #threads)
  threads[#threads + 1] = thread
end

local function lines_of(name)
  local lines = {}
  for line in io.lines(name) do lines[#lines + 1] = line end
  return lines
end

function init(args)
  bodies, answers = lines_of(args[1]), lines_of(args[2])
  at, right, wrong = first * 7, 0, 0
  math.randomseed(first)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  at = at % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end

if mean_pause_ms > 0 then
  function delay() return -math.log(1 - math.random()) * mean_pause_ms end
end

function response(status, headers, body)
  if status == 200 and body == answers[at] then right = right + 1 else wrong = wrong + 1 end
end

function done(summary, latency, requests)
  local right, wrong = 0, 0
  for _, thread in ipairs(threads) do
    right = right + thread:get("right")
    wrong = wrong + thread:get("wrong")
  end
  print(string.format('{"right": %d, "wrong": %d, "seconds": %.6f, "median_ms": %.3f, "p99_ms": %.3f}',
                      right, wrong, summary.duration / 1e6, latency:percentile(50) / 1e3,
                      latency:percentile(99) / 1e3))
end
