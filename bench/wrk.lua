-- What wrk does not do by itself (bench/load.ts starts it): `wrk -s wrk.lua URL -- MEAN-PAUSE-MS VARIES-PATH`.
-- Functions are defined only where they are needed: wrk is faster without.

local prepare = wrk.init

function wrk.init(args)
  prepare(args)
  math.randomseed(1)
  local greatest = 2 * tonumber(args[1])
  if greatest > 0 then
    -- wrk takes whole milliseconds; rounding at random keeps the mean.
    delay = function() return math.floor(math.random() * greatest + math.random()) end
  end
  if args[2] == "true" then
    local before, after = wrk.format():match("^(%S+ %S+)( .*)$")
    request = function() return before .. math.random(1e9) .. after end
  end
end

-- One line of JSON: LoadResult.
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"errors":%d,"p50Micros":%d,"p99Micros":%d,"p999Micros":%d}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
