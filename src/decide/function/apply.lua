-- A batch: what is due is ended, the commands are decided one after the other, and all of it is written.

-- Where the head says nothing else.
local KEY_SECONDS = 86400
-- As many holds are ended in one call. If more are due, that is all that the call does.
local EXPIRIES_MAX = 200
-- What ends that was begun before is done also where the outbox is full.
local ENDS = { f = true, u = true, w = true, z = true }

--- What is before the ids of commands in their events, by where the command begins; nothing where none has a name.
--- Takes the names off the arguments.
local function take_names(argv)
  local names = {}
  if #argv % FIELDS == 3 then return names end
  local at = 4
  for name in gmatch(table.remove(argv), '%S+') do
    if name ~= '-' then names[at] = name .. '/' end
    at = at + FIELDS
  end
  return names
end

--- Notes what is remembered for the ids of the batch: id -> outcome, and for client keys id -> content.
local function recall(batch, argv)
  local outcomes, kept, ids, count = batch.outcomes, batch.kept, {}, 0
  for at = 4, #argv, FIELDS do
    local id = argv[at + 1]
    if argv[at + 4] == '' then
      count = count + 1
      ids[count] = id
    elseif kept[id] then
      local feed = find(kept[id], '\n', 1, true)
      batch.contents[id] = sub(kept[id], 1, feed - 1)
      outcomes[id] = sub(kept[id], feed + 1)
    end
  end
  if count == 0 then return end
  for age = 0, 1 do
    local seen = redis.call('HMGET', batch.prefix .. 'seen:' .. text_of[batch.period - age], unpack(ids))
    for index = 1, count do
      if seen[index] then outcomes[ids[index]] = seen[index] end
    end
  end
end

--- @return the name of a command that the caller may not use, of those that apply writes with
local function may_not_write(prefix, head, outbox, is_over)
  local allowed = redis.acl_check_cmd
  if not allowed('XADD', outbox, '1-0', 'e', '') then return 'XADD' end
  if not allowed('HSET', head, 'g', '1') then return 'HSET' end
  if not allowed('MSET', prefix .. 'account:1', '') then return 'MSET' end
  if not allowed('ZADD', prefix .. 'statement:1', '1', '') then return 'ZADD' end
  if not allowed('ZREM', prefix .. 'expiries', '') then return 'ZREM' end
  if not allowed('ZREMRANGEBYRANK', prefix .. 'statement:1', 0, -1) then return 'ZREMRANGEBYRANK' end
  if not allowed('SET', prefix .. 'key:', '', 'EX', KEY_SECONDS) then return 'SET' end
  if is_over and not allowed('UNLINK', prefix .. 'part:') then return 'UNLINK' end
  return nil
end

--- Parts, and decisions that have parts: what has begun, and what is over.
local function write_transits(batch)
  local prefix, opened, over, keys = batch.prefix, {}, {}, {}
  for _, one in ipairs(batch.opened) do
    opened[one.set] = opened[one.set] or {}
    table.insert(opened[one.set], one.score)
    table.insert(opened[one.set], one.member)
  end
  for _, one in ipairs(batch.over) do
    over[one.set] = over[one.set] or {}
    table.insert(over[one.set], one.member)
    keys[#keys + 1] = prefix .. one.key
  end
  for set, members in pairs(opened) do
    redis.call('ZADD', prefix .. set, unpack(members))
  end
  for set, members in pairs(over) do
    redis.call('ZREM', prefix .. set, unpack(members))
  end
  if #keys > 0 then redis.call('UNLINK', unpack(keys)) end
end

local function write(batch, head, outbox, now)
  local prefix = batch.prefix
  local g, time = text_of[batch.g], text_of[now]
  local rows, ends, expiries = {}, {}, {}
  for id, account in pairs(batch.accounts) do
    if account and account.changed then
      local row = kept_row_of(account)
      account.row = row
      rows[#rows + 1] = prefix .. 'account:' .. id
      rows[#rows + 1] = row
    end
  end
  for name, text in pairs(batch.written) do
    rows[#rows + 1] = prefix .. name
    rows[#rows + 1] = text
  end
  for id, hold in pairs(batch.holds) do
    if hold and hold.changed and hold.state == 'open' then
      rows[#rows + 1] = prefix .. 'hold:' .. id
      rows[#rows + 1] = hold_row(hold)
      expiries[#expiries + 1] = hold.expires
      expiries[#expiries + 1] = id
    elseif hold and hold.changed then
      ends[#ends + 1] = id
      batch.ended['hold:' .. id] = hold.text
    end
  end

  -- A command that this user may not run would end the function between its writes. Rights may change at any time.
  local forbidden = may_not_write(prefix, head, outbox, #batch.over > 0)
  if forbidden then return redis.error_reply('NOPERM the user of the ledger may not use ' .. forbidden) end

  -- The point of no return: from here on nothing is refused and nothing may fail. Only XADD could still fail, if the
  -- outbox already holds this batch; so it comes first.
  if #batch.events > 0 then
    redis.call('XADD', outbox, g .. '-0', unpack(batch.events))
    redis.call('HSET', head, 'g', g, 'time', time)
  else
    redis.call('HSET', head, 'time', time)
  end
  set_all(rows)
  for id, account in pairs(batch.accounts) do
    if account and account.changed then remember_account(id, account) end
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
  if #expiries > 0 then redis.call('ZADD', prefix .. 'expiries', unpack(expiries)) end
  if #ends > 0 then redis.call('ZREM', prefix .. 'expiries', unpack(ends)) end
  if #batch.opened > 0 or #batch.over > 0 then write_transits(batch) end
  for name, text in pairs(batch.ended) do
    redis.call('SET', prefix .. name, text, 'EX', ENDED_SECONDS)
  end
  if #batch.seen > 0 then
    redis.call('HSET', prefix .. 'seen:' .. text_of[batch.period], unpack(batch.seen))
  end
  for _, id in ipairs(batch.remembered) do
    redis.call('SET', prefix .. id, batch.contents[id] .. '\n' .. batch.outcomes[id], 'EX', batch.key_seconds)
  end
  return nil
end

--- @param full whether nothing new may be decided, only what is due
local function apply_batch(head, argv, full, may_end)
  new_texts()
  in_transit = false
  local prefix = sub(head, 1, -5)
  local outbox = prefix .. 'outbox'
  local state, refused = fence(head, argv[1], argv[2])
  if refused then return refused end
  local names = take_names(argv)
  full = full or redis.call('XLEN', outbox) >= tonumber(argv[3])
  local now = now_micros(state[4])
  local due = {}
  if may_end and not full then
    due = redis.call('ZRANGE', prefix .. 'expiries', '-inf', text_of[now], 'BYSCORE', 'LIMIT', 0, EXPIRIES_MAX + 1)
  end
  local batch = {
    names = names, prefix = prefix, shard = tonumber(match(prefix, '{(%d+)}')), g = tonumber(state[2]) + 1,
    period = tonumber(state[6]) or 0, key_seconds = state[7] or KEY_SECONDS,
    accounts = {}, holds = {}, kept = {}, reversed = {}, details = {}, bodies = {}, outcomes = {}, contents = {},
    events = {}, seen = {}, remembered = {}, written = {}, ended = {}, parts = {}, transits = {}, opened = {}, over = {},
    prepared = {},
  }
  read_batch(batch, argv, due)
  recall(batch, argv)
  for index = 1, math.min(#due, EXPIRIES_MAX) do
    local event = expire(batch, due[index], now)
    if event then add_event(batch, event) end
  end
  local reply = { '', text_of[#batch.events / 2] }
  for index = 2, #batch.events, 2 do
    reply[#reply + 1] = batch.events[index]
  end

  local at = 4
  while at <= #argv do
    local kind, id = argv[at], argv[at + 1]
    if #due > EXPIRIES_MAX then
      reply[#reply + 1] = '~'
      at = at + FIELDS
    elseif kind == '[' then
      at = decide_group(batch, argv, at, now, full, reply)
    else
      local outcome = batch.outcomes[id]
      if kind == 'q' then outcome = nil end
      if outcome and may_end then give_up(batch, argv, at) end
      if outcome and (batch.contents[id] or '') ~= argv[at + 4] then
        outcome = '!key-reused'
      elseif outcome then
        outcome = replayed(outcome, id, argv[at + 5])
      elseif full and not (may_end and ENDS[kind]) then
        outcome = '#'
      else
        outcome = decide_one(batch, argv, at, now)
      end
      reply[#reply + 1] = outcome
      at = at + FIELDS
    end
  end
  if #batch.events == 0 and #batch.seen == 0 and #batch.remembered == 0 and not batch.is_marked then return reply end
  if #batch.events > 0 then reply[1] = text_of[batch.g] end
  return write(batch, head, outbox, now) or reply
end

local function apply(keys, argv)
  return apply_batch(keys[1], argv, false, true)
end

local function recall_only(keys, argv)
  return apply_batch(keys[1], argv, true, false)
end
