-- What is read of the present, without a decision, and the sweep.

-- Longer than a balancer sends a request again, and than an API then holds it.
local PERIOD_MICROS = 16000000
local STEP_MICROS_MAX = 1100000

-- More holds than these are due only where nobody has decided or swept for long: then a reading counts the rest as open.
local DUE_READ_MAX = 20000

local READ = {}

--- What the holds that are due have set aside, by account. They are to be ended, but count no longer.
local function due_by_account(prefix, now)
  local due = redis.call('ZRANGE', prefix .. 'expiries', '-inf', text_of[now], 'BYSCORE', 'LIMIT', 0, DUE_READ_MAX)
  local amounts = {}
  for from = 1, #due, VALUES_MAX do
    local keys = {}
    for index = from, math.min(from + VALUES_MAX - 1, #due) do
      keys[#keys + 1] = prefix .. 'hold:' .. due[index]
    end
    for offset, row in ipairs(redis.call('MGET', unpack(keys))) do
      if row then
        local hold = hold_of(due[from + offset - 1], row)
        amounts[hold.from] = (amounts[hold.from] or 0) + hold.amount
      end
    end
  end
  return amounts
end

--- An account, and its details.
function READ.a(prefix, id, reading)
  local row = redis.call('MGET', prefix .. 'account:' .. id, prefix .. 'details:' .. id)
  if not row[1] then return false end
  row[2] = match(row[2] or '', '^%S* (.*)$') or ''
  if not reading.is_kept then row[1] = match(row[1], '^(.* %l+ %d+) %d+ %d+ %d+ %d+$') or row[1] end
  if not find(row[1], '^%d+ %-?%d+ 0 ') then
    reading.due = reading.due or due_by_account(prefix, reading.now)
    local amount = reading.due[id]
    if amount then
      local account = account_of(id, row[1])
      account.held = account.held - amount
      row[1] = row_of(account)
    end
  end
  return row
end

--- The same with its latest entries, the newest first.
function READ.s(prefix, id, reading)
  local row = READ.a(prefix, id, reading)
  if not row then return false end
  for _, event in ipairs(redis.call('ZREVRANGE', prefix .. 'statement:' .. id, 0, STATEMENT_ENTRIES - 1)) do
    row[#row + 1] = event
  end
  return row
end

--- The same as it is kept: holds that are due count in it.
function READ.k(prefix, id)
  return READ.s(prefix, id, { due = {}, is_kept = true })
end

--- A hold. One that is due has ended, though nobody has noted it yet.
function READ.h(prefix, id, reading)
  local row = redis.call('GET', prefix .. 'hold:' .. id)
  if not row then return false end
  local hold = hold_of(id, row)
  if hold.state == 'open' and tonumber(hold.expires) <= reading.now then hold.state = 'expired' end
  return { hold_row(hold) }
end

--- The reversal of a transaction.
function READ.r(prefix, id)
  local row = redis.call('GET', prefix .. 'reversed:' .. id)
  return row and { row }
end

--- An event of the outbox. A batch of which many are asked for is read once.
function READ.e(prefix, place, reading)
  local g, index = match(place, '^(%d+) (%d+)$')
  local batches = reading.batches
  if batches[g] == nil then
    local entry = redis.call('XRANGE', prefix .. 'outbox', g .. '-0', g .. '-0')[1]
    batches[g] = entry and entry[2] or false
  end
  if not batches[g] then return false end
  return { batches[g][2 * tonumber(index) + 2] }
end

--- An open part, as it was prepared.
function READ.q(prefix, id)
  local text = redis.call('GET', prefix .. 'part:' .. id)
  return text and { text }
end

--- The attempts whose parts have been open for the longest.
function READ.o(prefix, count)
  return redis.call('ZRANGE', prefix .. 'parts', 0, tonumber(count) - 1)
end

--- The oldest decisions whose parts may be open.
function READ.y(prefix, count)
  return redis.call('ZRANGE', prefix .. 'transits', 0, tonumber(count) - 1)
end

local function read(keys, argv)
  local prefix = sub(keys[1], 1, -5)
  local state, refused = fence(keys[1], argv[1], argv[2])
  if refused then return refused end
  new_texts()
  local reading = { now = now_micros(state[4]), due = nil, batches = {} }
  local reply = { text_of[reading.now] }
  for at = 3, #argv, 2 do
    reply[#reply + 1] = READ[argv[at]](prefix, argv[at + 1], reading)
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
    redis.call('UNLINK', sub(head, 1, -5) .. 'seen:' .. text_of[period - 1])
    period, age = period + 1, 0
  end
  redis.call('HSET', head, 'period', text_of[period], 'age', text_of[age], 'swept', text_of[now])
  return tonumber(reply[2])
end

local function status(keys)
  local head = keys[1]
  local state = redis.call('HMGET', head, 'epoch', 'version', 'shards', 'g', 'lost')
  if not state[1] then return redis.error_reply('EMPTY there is no ledger here') end
  local outbox = sub(head, 1, -5) .. 'outbox'
  local first = redis.call('XRANGE', outbox, '-', '+', 'COUNT', 1)[1]
  local last = redis.call('XREVRANGE', outbox, '+', '-', 'COUNT', 1)[1]
  return {
    state[1], VERSION, state[3], state[4], redis.call('XLEN', outbox),
    first and match(first[1], '^%d+') or '', state[5] or '', last and match(last[1], '^%d+') or '',
  }
end
