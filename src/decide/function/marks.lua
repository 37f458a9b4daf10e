-- Marks of batches that are gone, and their removal.

local function lost(keys, argv)
  new_texts()
  local head = keys[1]
  local epoch, batch, kept = argv[1], tonumber(argv[2]), argv[3]
  local state = redis.call('HMGET', head, 'epoch', 'g', 'lost')
  if state[1] ~= epoch then return 0 end
  local outbox = sub(head, 1, -5) .. 'outbox'
  local g = tonumber(state[2])
  local gone = batch > g or kept == 'other'
  if tonumber(kept) and not gone then
    local first = redis.call('XRANGE', outbox, '-', '+', 'COUNT', 1)[1]
    gone = (first and tonumber(match(first[1], '^%d+')) or g + 1) > tonumber(kept) + 1
  end
  if not gone then return 0 end
  redis.call('HSET', head, 'lost', text_of[math.max(batch, tonumber(state[3]) or 0)])
  if kept == 'other' then redis.call('HSET', head, 'other', text_of[batch]) end
  return 1
end

local function found(keys, argv)
  local head = keys[1]
  local state = redis.call('HMGET', head, 'epoch', 'lost', 'other', 'g')
  if state[1] ~= argv[1] or state[2] ~= argv[2] or state[3] or tonumber(state[2]) > tonumber(state[4]) then return 0 end
  return redis.call('HDEL', head, 'lost')
end
