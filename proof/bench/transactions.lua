-- wrk: requests to the ledger. Arguments: what (transactions or statements), number of accounts, order (turn or random).
-- Transactions are two credits to each debit, so that none is refused. With the order "turn", the values repeat after 60 requests.
-- The last line of output holds the figures: requests, microseconds, p50, p99, max (microseconds), failed answers.

local VALUES = 60
local heads, tails = {}, {}
local accounts, random
local count = 0

function init(args)
  local what = args[1] or "transactions"
  accounts = tonumber(args[2] or "5")
  random = args[3] == "random"
  math.randomseed(os.time())
  -- Only the account in the path changes from one request to the next: the rest is made once.
  for i = 1, VALUES do
    local request
    if what == "statements" then
      request = wrk.format("GET", "/clientes/@/extrato")
    else
      local body = string.format(
        '{"valor": %d, "tipo": "%s", "descricao": "%s"}', i * 37 % 1000 + 1, i % 3 == 0 and "d" or "c", "abcdefghij")
      request = wrk.format("POST", "/clientes/@/transacoes", { ["Content-Type"] = "application/json" }, body)
    end
    local at = request:find("@", 1, true)
    heads[i], tails[i] = request:sub(1, at - 1), request:sub(at + 1)
  end
end

-- As filled-account-id.ts.
local function id_of(number)
  if number <= 5 then return tostring(number) end
  return string.format("a%09d%012d", number, number * 999983 % 1e12)
end

function request()
  count = count + 1
  local i = count % VALUES + 1
  local number = random and math.random(accounts) or count % accounts + 1
  return heads[i] .. id_of(number) .. tails[i]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("FIGURES %d %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, failed))
end
