-- wrk: transactions on the five accounts of the contest, two credits to each debit, so that none is refused.
-- The last line of output holds the figures: requests, microseconds, p50, p99 (microseconds), failed answers.

local requests = {}
local count = 0

function init()
  for i = 1, 60 do
    local body = string.format(
      '{"valor": %d, "tipo": "%s", "descricao": "%s"}', i * 37 % 1000 + 1, i % 3 == 0 and "d" or "c", "abcdefghij")
    local path = "/clientes/" .. (i % 5 + 1) .. "/transacoes"
    requests[i] = wrk.format("POST", path, { ["Content-Type"] = "application/json" }, body)
  end
end

function request()
  count = count + 1
  return requests[count % 60 + 1]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("FIGURES %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
