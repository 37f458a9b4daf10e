#!lua name=razonete
--[[
The deciding functions of one shard. Every key of a shard begins with the same text and bears its hash tag:

  razonete:{s}:head           hash    epoch, version (of the functions that set it up), shards, g (latest batch),
                                      next (next account's number), time (latest that was given out)
  razonete:{s}:account:<n>    hash    limit, balance, seq, time, name
  razonete:{s}:statement:<n>  zset    the 10 latest entries: score = seq, member = event
  razonete:{s}:outbox         stream  one entry a batch, id <g>-0, a pair (e, event) for each event
  razonete:{s}:key:<key>      string  content, a line feed, outcome; for a day
  razonete:{s}:seen:<n>       hash    id -> outcome, of the requests of 60 s; for as long again

An event is one text, see src/ledger/event.ts. An outcome is "=" and the event, or "!" and the refusal.
Integers are exact to 2^53; they are turned into text by %.0f, as Lua's own way keeps 14 digits only.

razonete_apply     applies a batch, one command after the other; all checks come before the first write
  KEYS   head
  ARGV   epoch, g_min, outbox_max, then for each command six: kind, id, account, amount, content, text
         kind     c credit, d debit, o open, l change limit
         id       key:... or req:...
         account  its number; empty for o
         amount   value, or limit for o and l
         content  what the id stands for, without line feeds; empty for req ids, which nobody chooses
         text     description, or name for o; else empty
  REPLY  g of the batch in the outbox ("" where no command was accepted), then for each command its outcome,
         with "+" in place of "=" and "?" in place of "!" where it had been decided before, or "#" where the
         outbox is full: that command was not decided, and is not remembered
  ERRORS EPOCH, STALE: nothing was changed

razonete_read      the accounts as they stand, all of one moment
  KEYS   head
  ARGV   epoch, g_min, then for each reading two: what (a account, s account and its latest entries), account
  REPLY  time, then for each reading nil, or {limit, balance, seq, time, name, event...} with the newest first
  ERRORS EPOCH, STALE

razonete_status    what the fence compares
  KEYS   head
  ARGV   none
  REPLY  epoch, version of these functions, shards, g, next, length of the outbox, g of its first entry ("" where
         there is none)
  ERRORS EMPTY

razonete_begin     sets up an empty shard: it has no head, no outbox, and none of these accounts
  KEYS   head
  ARGV   epoch, shards, g, next, then for each account six: number, limit, balance, seq, time, name
  REPLY  OK
  ERRORS NOTEMPTY
]]

local VERSION = '1'
local MONEY_MAX = 9007199254740991
local STATEMENT_ENTRIES = 10
local KEY_SECONDS = 86400
local SEEN_SECONDS = 60
local FIELDS = 6

local function text_of(number)
  return string.format('%.0f', number)
end

--- @param last the latest time that was given out: the clock of the machine may step back, that of a shard may not
local function now_micros(last)
  local time = redis.call('TIME')
  return math.max(tonumber(time[1]) * 1000000 + tonumber(time[2]), tonumber(last) or 0)
end

--- Refuses a caller that belongs to another epoch, or that has seen a later batch than this data holds.
local function fence(head, epoch, g_min)
  local state = redis.call('HMGET', head, 'epoch', 'g', 'next', 'shards', 'time')
  if state[1] ~= epoch then
    return nil, redis.error_reply('EPOCH this data is of epoch ' .. tostring(state[1]) .. ', not ' .. epoch)
  end
  if tonumber(state[2]) < tonumber(g_min) then
    return nil, redis.error_reply('STALE this data ends at batch ' .. state[2] .. ', batch ' .. g_min .. ' was seen')
  end
  return state, nil
end

--- Loads an account, once a batch. The look at its statement is for its type: no write may fail later.
local function load(accounts, prefix, number)
  local account = accounts[number]
  if account ~= nil then return account end
  local row = redis.call('HMGET', prefix .. 'account:' .. number, 'limit', 'balance', 'seq', 'time', 'name')
  if not row[1] then
    account = false
  else
    redis.call('ZCARD', prefix .. 'statement:' .. number)
    account = {
      limit = tonumber(row[1]), limit_text = row[1], balance = tonumber(row[2]),
      seq = tonumber(row[3]), time = tonumber(row[4]), name = row[5] or '', entries = {},
    }
  end
  accounts[number] = account
  return account
end

local function transact(account, kind, number, id, amount, description, now)
  local value = tonumber(amount)
  local balance = kind == 'c' and account.balance + value or account.balance - value
  if kind == 'd' and balance < -account.limit then return '!limit-exceeded' end
  if balance > MONEY_MAX then return '!balance-out-of-range' end
  account.balance = balance
  account.seq = account.seq + 1
  account.time = math.max(now, account.time + 1)
  account.changed = true
  local seq = text_of(account.seq)
  local event = table.concat({
    kind, number, seq, text_of(account.time), amount, text_of(balance), account.limit_text, id, description,
  }, ' ')
  local entries = account.entries
  entries[#entries + 1] = seq
  entries[#entries + 1] = event
  return '=' .. event
end

local function change_limit(account, number, id, amount, now)
  local limit = tonumber(amount)
  if account.balance < -limit then return '!limit-too-low' end
  account.limit = limit
  account.limit_text = amount
  account.changed = true
  return '=' .. table.concat({
    'l', number, text_of(account.seq), text_of(math.max(now, account.time)), text_of(account.balance), amount, id,
  }, ' ')
end

--- What the memory of ids holds for the batch: id -> outcome, and for client keys id -> content.
local function recall(prefix, argv, bucket)
  local outcomes, contents, ids = {}, {}, {}
  for at = 4, #argv, FIELDS do
    local id = argv[at + 1]
    if argv[at + 4] == '' then
      ids[#ids + 1] = id
    else
      local kept = redis.call('GET', prefix .. id)
      if kept then
        local feed = string.find(kept, '\n', 1, true)
        contents[id] = string.sub(kept, 1, feed - 1)
        outcomes[id] = string.sub(kept, feed + 1)
      end
    end
  end
  if #ids > 0 then
    for age = 0, 1 do
      local kept = redis.call('HMGET', prefix .. 'seen:' .. text_of(bucket - age), unpack(ids))
      for index, outcome in ipairs(kept) do
        if outcome then outcomes[ids[index]] = outcome end
      end
    end
  end
  return outcomes, contents
end

--- An account that is not there yet, nor anything of it; else the head counts wrong, and it would be overwritten.
local function open(prefix, number, amount, name, now)
  if redis.call('EXISTS', prefix .. 'account:' .. number, prefix .. 'statement:' .. number) > 0 then
    error('account ' .. number .. ' is there already')
  end
  return {
    limit = tonumber(amount), limit_text = amount, balance = 0, seq = 0, time = now,
    name = name, entries = {}, changed = true,
  }
end

local REPLAYED = { ['='] = '+', ['!'] = '?' }

local function apply(keys, argv)
  local head = keys[1]
  local prefix = string.sub(head, 1, -5)
  local outbox = prefix .. 'outbox'
  local state, refused = fence(head, argv[1], argv[2])
  if refused then return refused end
  local full = redis.call('XLEN', outbox) >= tonumber(argv[3])
  local now = now_micros(state[5])
  local bucket = math.floor(now / (SEEN_SECONDS * 1000000))
  local next_account = tonumber(state[3])
  local outcomes, contents = recall(prefix, argv, bucket)
  local accounts, events, seen, remembered, reply = {}, {}, {}, {}, { '' }

  for at = 4, #argv, FIELDS do
    local kind, id, number, amount, content, text =
      argv[at], argv[at + 1], argv[at + 2], argv[at + 3], argv[at + 4], argv[at + 5]
    local outcome = outcomes[id]
    if outcome and (contents[id] or '') ~= content then
      outcome = '!key-reused'
    elseif outcome then
      outcome = REPLAYED[string.sub(outcome, 1, 1)] .. string.sub(outcome, 2)
    elseif full then
      outcome = '#'
    else
      if kind == 'o' then
        number = text_of(next_account)
        next_account = next_account + tonumber(state[4])
        accounts[number] = open(prefix, number, amount, text, now)
        outcome = '=' .. table.concat({ 'o', number, text_of(now), amount, id, text }, ' ')
      else
        local account = load(accounts, prefix, number)
        if not account then
          outcome = '!account-unknown'
        elseif kind == 'l' then
          outcome = change_limit(account, number, id, amount, now)
        else
          outcome = transact(account, kind, number, id, amount, text, now)
        end
      end
      if string.sub(outcome, 1, 1) == '=' then
        events[#events + 1] = 'e'
        events[#events + 1] = string.sub(outcome, 2)
      end
      outcomes[id] = outcome
      if content == '' then
        seen[#seen + 1] = id
        seen[#seen + 1] = outcome
      else
        contents[id] = content
        remembered[#remembered + 1] = id
      end
    end
    reply[#reply + 1] = outcome
  end

  local g, time, next_text = text_of(tonumber(state[2]) + 1), text_of(now), text_of(next_account)

  -- The point of no return: from here on nothing is refused and nothing may fail. Only the outbox still could, where it
  -- holds this batch already; so it comes first.
  if #events > 0 then
    redis.call('XADD', outbox, g .. '-0', unpack(events))
    redis.call('HSET', head, 'g', g, 'next', next_text, 'time', time)
    reply[1] = g
  end
  for number, account in pairs(accounts) do
    if account and account.changed then
      redis.call('HSET', prefix .. 'account:' .. number,
        'limit', account.limit_text, 'balance', text_of(account.balance), 'seq', text_of(account.seq),
        'time', text_of(account.time), 'name', account.name)
      local entries = account.entries
      if #entries > 0 then
        local statement = prefix .. 'statement:' .. number
        local first = math.max(1, #entries - 2 * STATEMENT_ENTRIES + 1)
        redis.call('ZADD', statement, unpack(entries, first))
        redis.call('ZREMRANGEBYRANK', statement, 0, -STATEMENT_ENTRIES - 1)
      end
    end
  end
  if #seen > 0 then
    local key = prefix .. 'seen:' .. text_of(bucket)
    redis.call('HSET', key, unpack(seen))
    redis.call('EXPIRE', key, 2 * SEEN_SECONDS)
  end
  for _, id in ipairs(remembered) do
    redis.call('SET', prefix .. id, contents[id] .. '\n' .. outcomes[id], 'EX', KEY_SECONDS)
  end
  return reply
end

local function read(keys, argv)
  local prefix = string.sub(keys[1], 1, -5)
  local state, refused = fence(keys[1], argv[1], argv[2])
  if refused then return refused end
  local reply = { text_of(now_micros(state[5])) }
  for at = 3, #argv, 2 do
    local number = argv[at + 1]
    local row = redis.call('HMGET', prefix .. 'account:' .. number, 'limit', 'balance', 'seq', 'time', 'name')
    if not row[1] then
      row = false
    elseif argv[at] == 's' then
      for _, event in ipairs(redis.call('ZREVRANGE', prefix .. 'statement:' .. number, 0, STATEMENT_ENTRIES - 1)) do
        row[#row + 1] = event
      end
    end
    reply[#reply + 1] = row
  end
  return reply
end

local function status(keys)
  local head = keys[1]
  local state = redis.call('HMGET', head, 'epoch', 'version', 'shards', 'g', 'next')
  if not state[1] then return redis.error_reply('EMPTY there is no ledger here') end
  state[2] = VERSION
  local outbox = string.sub(head, 1, -5) .. 'outbox'
  local first = redis.call('XRANGE', outbox, '-', '+', 'COUNT', 1)[1]
  state[6] = redis.call('XLEN', outbox)
  state[7] = first and string.match(first[1], '^%d+') or ''
  return state
end

local function begin(keys, argv)
  local head = keys[1]
  local prefix = string.sub(head, 1, -5)
  local found = redis.call('EXISTS', head, prefix .. 'outbox')
  for at = 5, #argv, 6 do
    found = found + redis.call('EXISTS', prefix .. 'account:' .. argv[at], prefix .. 'statement:' .. argv[at])
  end
  if found > 0 then return redis.error_reply('NOTEMPTY there is a ledger here already') end
  for at = 5, #argv, 6 do
    redis.call('HSET', prefix .. 'account:' .. argv[at], 'limit', argv[at + 1], 'balance', argv[at + 2],
      'seq', argv[at + 3], 'time', argv[at + 4], 'name', argv[at + 5])
  end
  redis.call('HSET', head, 'epoch', argv[1], 'version', VERSION, 'shards', argv[2], 'g', argv[3], 'next', argv[4])
  return redis.status_reply('OK')
end

redis.register_function { function_name = 'razonete_apply', callback = apply }
redis.register_function { function_name = 'razonete_read', callback = read, flags = { 'no-writes' } }
redis.register_function { function_name = 'razonete_status', callback = status, flags = { 'no-writes' } }
redis.register_function { function_name = 'razonete_begin', callback = begin }
