--[[
The functions that decide the commands of one shard. The rules are not here but in src/ledger/rules.ts; function-library.ts
puts what they compile to before this text, as the local `rules`. Here is what is around them: rows are read, the rules
called, rows and events written, ids remembered, callers of another epoch turned away.

All keys of a shard have the same prefix and hash tag:

  razonete:{s}:head            hash    epoch, version (of the functions that set it up), shards, g (latest batch),
                                       time (the latest time given out),
                                       lost (a batch that was answered and is gone; only if there is one),
                                       other (a batch that was answered, and whose g another batch has now; likewise),
                                       period (n of the seen:<n> that ids are written to), age (of that period, in
                                       microseconds), swept (the time of the latest sweep)
  razonete:{s}:account:<id>    string  limit, balance, held, seq, time, unit, state (open, frozen, closed) and the time of
                                       opening, with a space between them
  razonete:{s}:name:<id>       string  the account's name, if it has one
  razonete:{s}:statement:<id>  zset    its latest entries, 10 or some more: score = seq, member = event
  razonete:{s}:outbox          stream  one stream entry for each batch: id <g>-0, a pair (e, event) for each event
  razonete:{s}:key:<key>       string  content, a line feed, outcome; for a day
  razonete:{s}:seen:<n>        hash    id -> outcome, of the requests of a period; the latest two are kept

Redis's clock may jump. The time of a shard never goes back (see the field time). A jump forward does not make it
forget the ids that it has just seen: from one sweep to the next, the age of a period grows by little more than a second, and
seen:<n> does not expire by the clock. Only the keys of clients do: a jump by a day forgets them.

An event is one text, see src/ledger/event.ts. An outcome is "=" and the event, or "!" and the refusal. Where it is
remembered, the event ends before the command's id, since whoever asks for it again says all that follows. A refusal
under a client's key is an event, too, since the key is remembered with it.
Integers are exact up to 2^53. They are formatted with %d, since Lua's own conversion keeps only 14 digits.

razonete_apply     applies a batch, one command after the other; all checks come before the first write
  KEYS   head
  ARGV   epoch, g_min, outbox_max, then for each command six: kind, id, account, amount, content, text
         kind     c credit, d debit, o open, l change limit
         id       key:... or req:...
         account  its id; for o the one that it gets
         amount   value, or limit for o and l
         content  what the id stands for, without line feeds; empty for req ids, which nobody chooses
         text     description; for o unit, a space, name; else empty
  REPLY  g of the batch in the outbox ("" if it made no event), then for each command its outcome, with "+" instead
         of "=" and "?" instead of "!" if it had been decided before; "!" and the event, if the refusal is one now; or
         "#" if the outbox is full: then the command was not decided, and is not remembered
  ERRORS EPOCH, STALE, NOPERM: nothing was changed. STALE also refuses every caller if batches were lost

razonete_recall    what became of commands, as apply answers with a full outbox: it decides nothing, and so can be asked where
                   Redis's memory is full
  KEYS   head
  ARGV   as of razonete_apply
  REPLY  as of razonete_apply
  ERRORS EPOCH, STALE

razonete_read      the current state of accounts, all at the same point in time
  KEYS   head
  ARGV   epoch, g_min, then for each account two: what (a account, s account and its latest entries), account
  REPLY  time, then for each account nil, or {row, name, event...} with the newest first; row as in account:<id>
  ERRORS EPOCH, STALE

razonete_sweep     forgets the ids of the period before the last, once the last one is 16 s old. To be called about once a
                   second; also where memory is full, since that is what frees it
  KEYS   head
  ARGV   epoch
  REPLY  1 if a period began, else 0; 0 also if the data is of another epoch

razonete_status    what the fence compares
  KEYS   head
  ARGV   none
  REPLY  epoch, version of these functions, shards, g, length of the outbox, g of its first entry ("" if there is
         none), lost ("" if nothing is), g of its last entry
  ERRORS EMPTY

razonete_lost      marks that a batch was answered and is gone: from then on this data answers nobody. Nothing is
                   changed if the data is of another epoch, or may have the batch, or had it
  KEYS   head
  ARGV   epoch, g of that batch, kept (the books' cursor, if they do not have the batch; or the word other, if the
         caller has seen that another batch has its number; else empty)
  REPLY  1 if it is marked now, else 0

razonete_found     takes the mark away again: the books have got that batch, which was in neither them nor the outbox
  KEYS   head
  ARGV   epoch, the batch that is marked
  REPLY  1 if the mark was there and is gone now, else 0

razonete_begin     sets up an empty shard, which has no head, no outbox, and none of these accounts
  KEYS   head
  ARGV   epoch, shards, g, then for each account two: id, row
  REPLY  OK
  ERRORS NOTEMPTY

razonete_load      loads what the books have of a shard that has no head yet, and so answers nobody. Loading the same
                   items again changes nothing
  KEYS   head
  ARGV   items, one after the other, each of:
         a, id, row, name                                        an account
         s, id, count, then for each entry two: seq, event       its latest entries, 10 at most
         k, id, content, outcome, seconds                        a client's key, and for how long it is still known
         r, id, outcome                                          a request's id
  REPLY  OK
  ERRORS NOTEMPTY
]]

local VERSION = '4'
local STATEMENT_ENTRIES = 10
-- A statement is cut to its length when this many entries were added. It costs less than at each entry.
local TRIM_ENTRIES = 8
local KEY_SECONDS = 86400
-- Longer than a balancer sends a request again, and than an API then holds it.
local PERIOD_MICROS = 16000000
local STEP_MICROS_MAX = 1100000
local FIELDS = 6
-- What a remembered refusal begins with: !
local REFUSED = 33
local ENTRY_KIND = { c = 'credit', d = 'debit' }

local function text_of(number)
  return ('%d'):format(number)
end

--- @param last the latest time that was given out: the machine's clock may step back, the shard's time may not
local function now_micros(last)
  local time = redis.call('TIME')
  return math.max(tonumber(time[1]) * 1000000 + tonumber(time[2]), tonumber(last) or 0)
end

--- Refuses a caller of another epoch, and a caller that has seen a later batch than this data holds. Refuses every
--- caller once a batch is marked as lost.
local function fence(head, epoch, g_min)
  local state = redis.call('HMGET', head, 'epoch', 'g', 'shards', 'time', 'lost', 'period')
  if state[1] ~= epoch then
    return nil, redis.error_reply('EPOCH this data is of epoch ' .. tostring(state[1]) .. ', not ' .. epoch)
  end
  if tonumber(state[2]) < tonumber(g_min) then
    return nil, redis.error_reply('STALE this data ends at batch ' .. state[2] .. ', batch ' .. g_min .. ' was seen')
  end
  if state[5] then
    return nil, redis.error_reply('STALE batch ' .. state[5] .. ' was answered and is gone')
  end
  return state, nil
end

--- Reads the accounts and the clients' keys of a batch, all at once.
--- @return accounts: id -> account, or false if there is none; kept: id of a client's key -> what is remembered
local function read_rows(prefix, argv)
  local keys, names, count = {}, {}, 0
  local accounts, kept = {}, {}
  for at = 4, #argv, FIELDS do
    local id = argv[at + 2]
    if accounts[id] == nil then
      accounts[id] = false
      count = count + 1
      keys[count] = prefix .. 'account:' .. id
      names[count] = id
    end
  end
  local account_count = count
  for at = 4, #argv, FIELDS do
    if argv[at + 4] ~= '' then
      count = count + 1
      keys[count] = prefix .. argv[at + 1]
      names[count] = argv[at + 1]
    end
  end
  if count == 0 then return accounts, kept end
  local absent = {}
  for index, row in ipairs(redis.call('MGET', unpack(keys))) do
    if not row then
      absent[#absent + 1] = keys[index]
    elseif index > account_count then
      kept[names[index]] = row
    else
      local limit, balance, held, seq, time, rest = string.match(row, '^(%d+) (%-?%d+) (%d+) (%d+) (%d+)( .+)$')
      if not limit then error('account ' .. names[index] .. ' cannot be read: ' .. row) end
      seq = tonumber(seq)
      accounts[names[index]] = {
        creditLimit = tonumber(limit), limit_text = limit, balance = tonumber(balance), held = tonumber(held),
        seq = seq, time = tonumber(time), rest = rest, first_seq = seq, entries = {},
      }
    end
  end
  -- MGET finds nothing where a key is of another type.
  if #absent > 0 and redis.call('EXISTS', unpack(absent)) > 0 then
    error('an account or a key of this batch is no text')
  end
  return accounts, kept
end

local function row_of(account)
  return ('%s %d %d %d %d%s'):format(account.limit_text, account.balance, account.held, account.seq, account.time,
    account.rest)
end

--- @return what the event says before the command's id, or else nil and the refusal
local function transact(account, kind, id, amount, now)
  local refusal = rules.transact(account, ENTRY_KIND[kind], tonumber(amount), now)
  if refusal then return nil, refusal end
  account.changed = true
  return ('%s %s %d %d %s %d %s'):format(kind, id, account.seq, account.time, amount, account.balance,
    account.limit_text)
end

--- @return as above
local function change_limit(account, id, amount, now)
  local refusal = rules.changeLimit(account, tonumber(amount))
  if refusal then return nil, refusal end
  account.limit_text = amount
  account.changed = true
  return ('l %s %d %d %d %s'):format(id, account.seq, math.max(now, account.time), account.balance, amount)
end

--- Opens an account that must not exist yet. If anything of it exists, its id was not new, and it would be overwritten.
--- @return the account, and what the event says before the command's id
local function open(prefix, accounts, id, amount, text, now)
  if accounts[id] or redis.call('EXISTS', prefix .. 'name:' .. id, prefix .. 'statement:' .. id) > 0 then
    error('account ' .. id .. ' is there already')
  end
  local account = rules.openAccount(tonumber(amount), now)
  local unit, name = string.match(text, '^(%S+) (.*)$')
  account.limit_text = amount
  account.rest = (' %s open %d'):format(unit, now)
  account.name = name
  account.first_seq = 0
  account.entries = {}
  account.changed = true
  return account, ('o %s %d %s'):format(id, now, amount)
end

--- What is remembered for the ids of the batch: id -> outcome, and for client keys id -> content.
local function recall(prefix, argv, kept, period)
  local outcomes, contents, ids = {}, {}, {}
  for at = 4, #argv, FIELDS do
    local id = argv[at + 1]
    if argv[at + 4] == '' then
      ids[#ids + 1] = id
    elseif kept[id] then
      local feed = string.find(kept[id], '\n', 1, true)
      contents[id] = string.sub(kept[id], 1, feed - 1)
      outcomes[id] = string.sub(kept[id], feed + 1)
    end
  end
  if #ids > 0 then
    for age = 0, 1 do
      local seen = redis.call('HMGET', prefix .. 'seen:' .. text_of(period - age), unpack(ids))
      for index, outcome in ipairs(seen) do
        if outcome then outcomes[ids[index]] = outcome end
      end
    end
  end
  return outcomes, contents
end

--- @return the name of a command that the caller may not use, of those that apply writes with
local function may_not_write(prefix, head, outbox)
  local allowed = redis.acl_check_cmd
  if not allowed('XADD', outbox, '1-0', 'e', '') then return 'XADD' end
  if not allowed('HSET', head, 'g', '1') then return 'HSET' end
  if not allowed('MSET', prefix .. 'account:1', '') then return 'MSET' end
  if not allowed('ZADD', prefix .. 'statement:1', '1', '') then return 'ZADD' end
  if not allowed('ZREMRANGEBYRANK', prefix .. 'statement:1', 0, -1) then return 'ZREMRANGEBYRANK' end
  if not allowed('SET', prefix .. 'key:', '', 'EX', KEY_SECONDS) then return 'SET' end
  return nil
end

--- The event that begins with what is remembered of it.
local function whole(begun, kind, id, text)
  if kind == 'l' then return begun .. ' ' .. id end
  return begun .. ' ' .. id .. ' ' .. text
end

--- The answer to a command that was decided before.
local function replayed(outcome, kind, id, text)
  local rest = string.sub(outcome, 2)
  if string.byte(outcome) == REFUSED then return '?' .. rest end
  return '+' .. whole(rest, kind, id, text)
end

local function apply(keys, argv)
  local head = keys[1]
  local prefix = string.sub(head, 1, -5)
  local outbox = prefix .. 'outbox'
  local state, refused = fence(head, argv[1], argv[2])
  if refused then return refused end
  local full = redis.call('XLEN', outbox) >= tonumber(argv[3])
  local now = now_micros(state[4])
  local period = tonumber(state[6]) or 0
  local accounts, kept = read_rows(prefix, argv)
  local outcomes, contents = recall(prefix, argv, kept, period)
  local events, seen, remembered, reply = {}, {}, {}, { '' }

  for at = 4, #argv, FIELDS do
    local kind, id, account_id, amount, content, text =
      argv[at], argv[at + 1], argv[at + 2], argv[at + 3], argv[at + 4], argv[at + 5]
    local outcome = outcomes[id]
    if outcome and (contents[id] or '') ~= content then
      outcome = '!key-reused'
    elseif outcome then
      outcome = replayed(outcome, kind, id, text)
    elseif full then
      outcome = '#'
    else
      local account = accounts[account_id]
      local begun, refusal
      if kind == 'o' then
        accounts[account_id], begun = open(prefix, accounts, account_id, amount, text, now)
      elseif not account then
        refusal = 'account-unknown'
      elseif kind == 'l' then
        begun, refusal = change_limit(account, account_id, amount, now)
      else
        begun, refusal = transact(account, kind, account_id, amount, now)
      end
      local event
      if begun then
        event = whole(begun, kind, id, text)
        outcome = '=' .. event
        outcomes[id] = '=' .. begun
        if kind == 'c' or kind == 'd' then
          local entries = account.entries
          local count = #entries
          -- Checks the type, since no write may fail later.
          if count == 0 then redis.call('ZCARD', prefix .. 'statement:' .. account_id) end
          entries[count + 1] = text_of(account.seq)
          entries[count + 2] = event
        end
      else
        outcome = '!' .. refusal
        outcomes[id] = outcome
        if content ~= '' then
          event = 'x ' .. text_of(now) .. ' ' .. refusal .. ' ' .. id .. ' ' .. content
          outcome = '!' .. event
        end
      end
      if event then
        events[#events + 1] = 'e'
        events[#events + 1] = event
      end
      if content == '' then
        seen[#seen + 1] = id
        seen[#seen + 1] = outcomes[id]
      else
        contents[id] = content
        remembered[#remembered + 1] = id
      end
    end
    reply[#reply + 1] = outcome
  end

  if #events == 0 and #seen == 0 and #remembered == 0 then return reply end

  local g, time = text_of(tonumber(state[2]) + 1), text_of(now)
  local rows = {}
  for id, account in pairs(accounts) do
    if account and account.changed then
      rows[#rows + 1] = prefix .. 'account:' .. id
      rows[#rows + 1] = row_of(account)
      if account.name and account.name ~= '' then
        rows[#rows + 1] = prefix .. 'name:' .. id
        rows[#rows + 1] = account.name
      end
    end
  end

  -- A command that this user may not run would end the function between its writes. Rights may change at any time.
  local forbidden = may_not_write(prefix, head, outbox)
  if forbidden then return redis.error_reply('NOPERM the user of the ledger may not use ' .. forbidden) end

  -- The point of no return: from here on nothing is refused and nothing may fail. Only XADD could still fail, if the
  -- outbox already holds this batch; so it comes first.
  if #events > 0 then
    redis.call('XADD', outbox, g .. '-0', unpack(events))
    redis.call('HSET', head, 'g', g, 'time', time)
    reply[1] = g
  else
    redis.call('HSET', head, 'time', time)
  end
  if #rows > 0 then redis.call('MSET', unpack(rows)) end
  for id, account in pairs(accounts) do
    local entries = account and account.entries
    if entries and #entries > 0 then
      local statement = prefix .. 'statement:' .. id
      local first = math.max(1, #entries - 2 * STATEMENT_ENTRIES + 1)
      redis.call('ZADD', statement, unpack(entries, first))
      if account.seq % TRIM_ENTRIES < account.seq - account.first_seq then
        redis.call('ZREMRANGEBYRANK', statement, 0, -STATEMENT_ENTRIES - 1)
      end
    end
  end
  if #seen > 0 then
    redis.call('HSET', prefix .. 'seen:' .. text_of(period), unpack(seen))
  end
  for _, id in ipairs(remembered) do
    redis.call('SET', prefix .. id, contents[id] .. '\n' .. outcomes[id], 'EX', KEY_SECONDS)
  end
  return reply
end

local function recall_only(keys, argv)
  argv[3] = '0'
  return apply(keys, argv)
end

local function read(keys, argv)
  local prefix = string.sub(keys[1], 1, -5)
  local state, refused = fence(keys[1], argv[1], argv[2])
  if refused then return refused end
  local reply = { text_of(now_micros(state[4])) }
  for at = 3, #argv, 2 do
    local id = argv[at + 1]
    local row = redis.call('MGET', prefix .. 'account:' .. id, prefix .. 'name:' .. id)
    if not row[1] then
      row = false
    else
      row[2] = row[2] or ''
      if argv[at] == 's' then
        for _, event in ipairs(redis.call('ZREVRANGE', prefix .. 'statement:' .. id, 0, STATEMENT_ENTRIES - 1)) do
          row[#row + 1] = event
        end
      end
    end
    reply[#reply + 1] = row
  end
  return reply
end

local function sweep(keys, argv)
  local head = keys[1]
  local state = redis.call('HMGET', head, 'epoch', 'period', 'age', 'swept')
  if state[1] ~= argv[1] then return 0 end
  local now = now_micros(0)
  local period, age, swept = tonumber(state[2]) or 0, tonumber(state[3]) or 0, tonumber(state[4]) or now
  age = age + math.max(0, math.min(now - swept, STEP_MICROS_MAX))
  local begins = age >= PERIOD_MICROS
  if begins then
    redis.call('UNLINK', string.sub(head, 1, -5) .. 'seen:' .. text_of(period - 1))
    period, age = period + 1, 0
  end
  redis.call('HSET', head, 'period', text_of(period), 'age', text_of(age), 'swept', text_of(now))
  return begins and 1 or 0
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

local function lost(keys, argv)
  local head = keys[1]
  local epoch, batch, kept = argv[1], tonumber(argv[2]), argv[3]
  local state = redis.call('HMGET', head, 'epoch', 'g', 'lost')
  if state[1] ~= epoch then return 0 end
  local outbox = string.sub(head, 1, -5) .. 'outbox'
  local g = tonumber(state[2])
  local gone = batch > g or kept == 'other'
  if tonumber(kept) and not gone then
    local first = redis.call('XRANGE', outbox, '-', '+', 'COUNT', 1)[1]
    gone = (first and tonumber(string.match(first[1], '^%d+')) or g + 1) > tonumber(kept) + 1
  end
  if not gone then return 0 end
  redis.call('HSET', head, 'lost', text_of(math.max(batch, tonumber(state[3]) or 0)))
  if kept == 'other' then redis.call('HSET', head, 'other', text_of(batch)) end
  return 1
end

local function found(keys, argv)
  local head = keys[1]
  local state = redis.call('HMGET', head, 'epoch', 'lost', 'other', 'g')
  if state[1] ~= argv[1] or state[2] ~= argv[2] or state[3] or tonumber(state[2]) > tonumber(state[4]) then return 0 end
  return redis.call('HDEL', head, 'lost')
end

local function begin(keys, argv)
  local head = keys[1]
  local prefix = string.sub(head, 1, -5)
  local found = redis.call('EXISTS', head, prefix .. 'outbox')
  for at = 4, #argv, 2 do
    found = found + redis.call('EXISTS', prefix .. 'account:' .. argv[at], prefix .. 'statement:' .. argv[at])
  end
  if found > 0 then return redis.error_reply('NOTEMPTY there is a ledger here already') end
  for at = 4, #argv, 2 do
    redis.call('SET', prefix .. 'account:' .. argv[at], argv[at + 1])
  end
  redis.call('HSET', head, 'epoch', argv[1], 'version', VERSION, 'shards', argv[2], 'g', argv[3])
  return redis.status_reply('OK')
end

local function load_items(keys, argv)
  local head = keys[1]
  local prefix = string.sub(head, 1, -5)
  if redis.call('EXISTS', head) > 0 then return redis.error_reply('NOTEMPTY there is a ledger here already') end
  local at = 1
  while at <= #argv do
    local what, name = argv[at], argv[at + 1]
    if what == 'a' then
      redis.call('SET', prefix .. 'account:' .. name, argv[at + 2])
      if argv[at + 3] ~= '' then redis.call('SET', prefix .. 'name:' .. name, argv[at + 3]) end
      at = at + 4
    elseif what == 's' then
      local last = at + 2 + 2 * tonumber(argv[at + 2])
      redis.call('ZADD', prefix .. 'statement:' .. name, unpack(argv, at + 3, last))
      at = last + 1
    elseif what == 'k' then
      redis.call('SET', prefix .. name, argv[at + 2] .. '\n' .. argv[at + 3], 'EX', argv[at + 4])
      at = at + 5
    else
      redis.call('HSET', prefix .. 'seen:0', name, argv[at + 2])
      at = at + 3
    end
  end
  return redis.status_reply('OK')
end

redis.register_function { function_name = 'razonete_apply', callback = apply }
redis.register_function { function_name = 'razonete_recall', callback = recall_only, flags = { 'no-writes' } }
redis.register_function { function_name = 'razonete_read', callback = read, flags = { 'no-writes' } }
redis.register_function { function_name = 'razonete_sweep', callback = sweep, flags = { 'allow-oom' } }
redis.register_function { function_name = 'razonete_status', callback = status, flags = { 'no-writes' } }
redis.register_function { function_name = 'razonete_lost', callback = lost }
redis.register_function { function_name = 'razonete_found', callback = found }
redis.register_function { function_name = 'razonete_begin', callback = begin }
redis.register_function { function_name = 'razonete_load', callback = load_items }
