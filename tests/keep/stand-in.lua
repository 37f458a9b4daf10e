#!lua name=razonete
-- What `razonete init` needs of the deciding function's library, and no more.

local function begin(keys, argv)
  if redis.call('EXISTS', keys[1]) == 1 then return redis.error_reply('NOTEMPTY there is a ledger here already') end
  local prefix = string.sub(keys[1], 1, -5)
  for at = 5, #argv, 6 do
    redis.call('HSET', prefix .. 'account:' .. argv[at], 'limit', argv[at + 1], 'balance', argv[at + 2],
      'seq', argv[at + 3], 'time', argv[at + 4], 'name', argv[at + 5])
  end
  redis.call('HSET', keys[1], 'epoch', argv[1], 'version', '0', 'shards', argv[2], 'g', argv[3], 'next', argv[4])
  return redis.status_reply('OK')
end

redis.register_function { function_name = 'razonete_begin', callback = begin }
