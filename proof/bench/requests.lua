-- wrk: requests to the ledger. Arguments: what, number of accounts, order (turn or random), access key (or nothing), tags.
-- transactions, statements: on the contest's routes, of the accounts as in filled-account-id.ts. Transactions are two credits
--   to each debit, so that none is refused. With the order "turn", the values repeat after 60 requests.
-- transfers, holds, batches: on /v1, between the accounts of open-accounts.ts, at random. Each hold is captured as soon as
--   its answer is there. A batch has 50 transfers.
-- With tags, a list with commas, transactions and transfers are of the accounts of shards/tagged-accounts.ts, and a transfer
--   is between two of the same tag; across: transfers between two of different ones.
-- The last line of output holds the figures: requests, microseconds, p50, p99, max (microseconds), failed answers.

local VALUES = 60
local MADE = 500
local BATCH = 50
local heads, tails, made, captures = {}, {}, {}, {}
local accounts, random
local is_across = false
local tags = {}
local count = 0

local JSON = { ["Content-Type"] = "application/json" }

-- What is made once is split where something is put in for each request.
local function split(text)
  local at = text:find("@@", 1, true)
  return text:sub(1, at - 1), text:sub(at + 2)
end

local function make_contest_requests(what)
  for i = 1, VALUES do
    if what == "statements" then
      heads[i], tails[i] = split(wrk.format("GET", "/clientes/@@/extrato"))
    else
      local body = string.format(
        '{"valor": %d, "tipo": "%s", "descricao": "%s"}', i * 37 % 1000 + 1, i % 3 == 0 and "d" or "c", "abcdefghij")
      heads[i], tails[i] = split(wrk.format("POST", "/clientes/@@/transacoes", JSON, body))
    end
  end
end

-- As shards/tagged-accounts.ts, or else filled-account-id.ts.
local function id_of(number)
  if #tags > 0 then return string.format("{%s}%d", tags[(number - 1) % #tags + 1], number) end
  if number <= 5 then return tostring(number) end
  return string.format("a%09d%012d", number, number * 999983 % 1e12)
end

local function contest_request()
  local i = count % VALUES + 1
  local number = random and math.random(accounts) or count % accounts + 1
  return heads[i] .. id_of(number) .. tails[i]
end

-- Two different accounts of open-accounts.ts, or of one tag, or of two, and an amount.
local function move()
  if #tags > 0 then
    local each = accounts / #tags
    local from, step = math.random(accounts), math.random(each - 1) * #tags
    if is_across then step = step + math.random(#tags - 1) end
    return id_of(from), id_of((from + step - 1) % accounts + 1), math.random(1000)
  end
  local from, step = math.random(accounts), math.random(accounts - 1)
  return "bench-" .. from, "bench-" .. (from + step - 1) % accounts + 1, math.random(1000)
end

local function transfer()
  local from, to, amount = move()
  return string.format('{"postings":[{"from":"%s","to":"%s","amount":%d}]}', from, to, amount)
end

local function hold()
  local from, _, amount = move()
  return string.format('{"from":"%s","amount":%d}', from, amount)
end

local function batch()
  local commands = {}
  for i = 1, BATCH do commands[i] = '{"op":"transaction","body":' .. transfer() .. "}" end
  return '{"atomic":false,"commands":[' .. table.concat(commands, ",") .. "]}"
end

local function make(path, body_of)
  for i = 1, MADE do made[i] = wrk.format("POST", path, JSON, body_of()) end
end

local function made_request()
  return made[count % MADE + 1]
end

local function hold_or_capture()
  local id = table.remove(captures)
  return id and heads[1] .. id .. tails[1] or made_request()
end

local function note_hold(status, _, body)
  if status == 201 then table.insert(captures, body:match('"id":"([^"]+)"')) end
end

local next_request

function init(args)
  local what = args[1] or "transactions"
  accounts = tonumber(args[2] or "5")
  random = args[3] == "random"
  if (args[4] or "") ~= "" then JSON["Authorization"] = "Bearer " .. args[4] end
  for tag in (args[5] or ""):gmatch("[^,]+") do table.insert(tags, tag) end
  wrk.headers["Authorization"] = JSON["Authorization"]
  math.randomseed(os.time())
  next_request = made_request
  if what == "transfers" or what == "across" then
    is_across = what == "across"
    make("/v1/transactions", transfer)
  elseif what == "batches" then
    make("/v1/batches", batch)
  elseif what == "holds" then
    make("/v1/holds", hold)
    heads[1], tails[1] = split(wrk.format("POST", "/v1/holds/@@/capture"))
    next_request = hold_or_capture
    -- Only where it is needed: wrk is slower with it.
    response = note_hold
  else
    make_contest_requests(what)
    next_request = contest_request
  end
end

function request()
  count = count + 1
  return next_request()
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("FIGURES %d %d %d %d %d %d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, failed))
end
