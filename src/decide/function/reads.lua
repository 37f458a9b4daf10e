-- What is read of the present, without a decision, and the sweep.

-- Longer than a balancer sends a request again, and than an API then holds it.
local PERIOD_MICROS = 16000000
local STEP_MICROS_MAX = 1100000

-- So many holds that are due are looked at: as a rule there is none, since a sweep has ended them.
local DUE_MAX = 1000

local READ = {}

--- The holds whose time has come and which nobody has ended yet, and what they still hold of each account.
local function due_at(prefix, now)
  local due = { holds = {}, held = {} }
  local ids = redis.call('ZRANGE', prefix .. 'expiries', '-inf', now, 'BYSCORE', 'LIMIT', 0, DUE_MAX)
  if #ids == 0 then return due end
  local keys = {}
  for index, id in ipairs(ids) do
    keys[index] = prefix .. 'hold:' .. id
  end
  for index, row in ipairs(redis.call('MGET', unpack(keys))) do
    local hold = row and hold_of(ids[index], row)
    if hold and hold.state == 'open' then
      due.holds[ids[index]] = true
      due.held[hold.from] = (due.held[hold.from] or 0) + hold.amount
    end
  end
  return due
end

--- An account, and its details.
function READ.a(prefix, id, due)
  local row = redis.call('MGET', prefix .. 'account:' .. id, prefix .. 'details:' .. id)
  if not row[1] then return false end
  if due.held[id] then
    local account = account_of(id, row[1])
    account.held = account.held - due.held[id]
    row[1] = row_of(account)
  end
  row[2] = string.match(row[2] or '', '^%S* (.*)$') or ''
  return row
end

--- The same with its latest entries, the newest first.
function READ.s(prefix, id, due)
  local row = READ.a(prefix, id, due)
  if not row then return false end
  for _, event in ipairs(redis.call('ZREVRANGE', prefix .. 'statement:' .. id, 0, STATEMENT_ENTRIES - 1)) do
    row[#row + 1] = event
  end
  return row
end

--- The same as it is kept.
function READ.k(prefix, id)
  return READ.s(prefix, id, { held = {} })
end

--- A hold.
function READ.h(prefix, id, due)
  local row = redis.call('GET', prefix .. 'hold:' .. id)
  if row and due.holds[id] then row = string.gsub(row, '^open', 'expired') end
  return row and { row }
end

--- The reversal of a transaction.
function READ.r(prefix, id)
  local row = redis.call('GET', prefix .. 'reversed:' .. id)
  return row and { row }
end

--- A batch of the outbox.
function READ.b(prefix, g)
  local entry = redis.call('XRANGE', prefix .. 'outbox', g .. '-0', g .. '-0')[1]
  if not entry then return false end
  local events = {}
  for index = 2, #entry[2], 2 do
    events[#events + 1] = entry[2][index]
  end
  return events
end

local function read(keys, argv)
  local prefix = string.sub(keys[1], 1, -5)
  local state, refused = fence(keys[1], argv[1], argv[2])
  if refused then return refused end
  local reply = { text_of(now_micros(state[4])) }
  local due = due_at(prefix, reply[1])
  for at = 3, #argv, 2 do
    reply[#reply + 1] = READ[argv[at]](prefix, argv[at + 1], due)
  end
  return reply
end

--- Ends the holds that are due, and forgets what nobody asks for again.
local function sweep(keys, argv)
  local head = keys[1]
  local state = redis.call('HMGET', head, 'epoch', 'period', 'age', 'swept')
  if state[1] ~= argv[1] then return 0 end
  local reply = apply_batch(head, { argv[1], argv[2], argv[3] }, false, true)
  if reply.err then return reply end
  local now = now_micros(0)
  local period, age, swept = tonumber(state[2]) or 0, tonumber(state[3]) or 0, tonumber(state[4]) or now
  age = age + math.max(0, math.min(now - swept, STEP_MICROS_MAX))
  if age >= PERIOD_MICROS then
    redis.call('UNLINK', string.sub(head, 1, -5) .. 'seen:' .. text_of(period - 1))
    period, age = period + 1, 0
  end
  redis.call('HSET', head, 'period', text_of(period), 'age', text_of(age), 'swept', text_of(now))
  return tonumber(reply[2])
end

local function status(keys)
  local head = keys[1]
  local state = redis.call('HMGET', head, 'epoch', 'version', 'shards', 'g', 'lost')
  if not state[1] then return redis.error_reply('EMPTY there is no ledger here') end
  local outbox = string.sub(head, 1, -5) .. 'outbox'
  local first = redis.call('XRANGE', outbox, '-', '+', 'COUNT', 1)[1]
  local last = redis.call('XREVRANGE', outbox, '+', '-', 'COUNT', 1)[1]
  return {
    state[1], VERSION, state[3], state[4], redis.call('XLEN', outbox),
    first and string.match(first[1], '^%d+') or '', state[5] or '', last and string.match(last[1], '^%d+') or '',
  }
end
