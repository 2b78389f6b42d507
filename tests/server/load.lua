-- For wrk: each of its threads, of one connection each, posts the lines of a file in turn and
-- compares every answer with the same line of another.
--   wrk -t N -c N -s load.lua URL -- BODIES ANSWERS
local threads = {}

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
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  at = at % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
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
  print(string.format('{"right": %d, "wrong": %d, "seconds": %.6f, "p99_ms": %.3f}', right, wrong,
                      summary.duration / 1e6, latency:percentile(99) / 1e3))
end
