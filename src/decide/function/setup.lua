-- How a shard begins, and how it is loaded from the books.

local function begin(keys, argv)
  local head = keys[1]
  local prefix = sub(head, 1, -5)
  local found = redis.call('EXISTS', head, prefix .. 'outbox')
  for at = 4, #argv, 3 do
    found = found + redis.call('EXISTS', prefix .. 'account:' .. argv[at], prefix .. 'statement:' .. argv[at])
  end
  if found > 0 then return redis.error_reply('NOTEMPTY there is a ledger here already') end
  for at = 4, #argv, 3 do
    redis.call('MSET', prefix .. 'account:' .. argv[at], argv[at + 1], prefix .. 'details:' .. argv[at], argv[at + 2] .. ' ')
  end
  redis.call('HSET', head, 'epoch', argv[1], 'version', VERSION, 'shards', argv[2], 'g', argv[3])
  return redis.status_reply('OK')
end

local LOAD = {}

function LOAD.a(prefix, argv, at)
  redis.call('MSET', prefix .. 'account:' .. argv[at + 1], argv[at + 2], prefix .. 'details:' .. argv[at + 1], argv[at + 3])
  return at + 4
end

function LOAD.s(prefix, argv, at)
  local last = at + 2 + 2 * tonumber(argv[at + 2])
  redis.call('ZADD', prefix .. 'statement:' .. argv[at + 1], unpack(argv, at + 3, last))
  return last + 1
end

function LOAD.k(prefix, argv, at)
  redis.call('SET', prefix .. argv[at + 1], argv[at + 2] .. '\n' .. argv[at + 3], 'EX', argv[at + 4])
  return at + 5
end

function LOAD.r(prefix, argv, at)
  redis.call('HSET', prefix .. 'seen:0', argv[at + 1], argv[at + 2])
  return at + 3
end

function LOAD.h(prefix, argv, at)
  local key, id, row, left = prefix .. 'hold:' .. argv[at + 1], argv[at + 1], argv[at + 2], argv[at + 3]
  if left == '0' then
    redis.call('SET', key, row)
    redis.call('ZADD', prefix .. 'expiries', hold_of(id, row).expires, id)
  else
    redis.call('SET', key, row, 'EX', left)
  end
  return at + 4
end

function LOAD.q(prefix, argv, at)
  redis.call('SET', prefix .. 'part:' .. argv[at + 1], argv[at + 2])
  redis.call('ZADD', prefix .. 'parts', match(argv[at + 2], '^q (%d+) '), argv[at + 1])
  return at + 3
end

function LOAD.y(prefix, argv, at)
  local attempt, shards, decided = argv[at + 1], argv[at + 2], argv[at + 4]
  redis.call('SET', prefix .. 'transit:' .. attempt, argv[at + 3] .. ' ' .. decided .. ' ' .. argv[at + 5])
  redis.call('ZADD', prefix .. 'transits', decided, attempt .. ' ' .. shards)
  return at + 6
end

function LOAD.v(prefix, argv, at)
  redis.call('SET', prefix .. 'reversed:' .. argv[at + 1], argv[at + 2], 'EX', argv[at + 3])
  return at + 4
end

local function load_items(keys, argv)
  local head = keys[1]
  local prefix = sub(head, 1, -5)
  if redis.call('EXISTS', head) > 0 then return redis.error_reply('NOTEMPTY there is a ledger here already') end
  local at = 1
  while at <= #argv do
    at = LOAD[argv[at]](prefix, argv, at)
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
