-- Makes changes to the rows. KEYS: the place, tokens by the hash of their key, those hashes by token, users, groups, channels.
-- ARGV from `from` on, four for each change: which of KEYS, what names the row, its field, its value; none takes it away.
local function change(from)
  for at = from, #ARGV, 4 do
    local key, id, field, value = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if key == KEYS[2] then
      -- A token has one key: the one that it had admits nobody any more.
      local before = redis.call('HGET', KEYS[3], id)
      if before and before ~= field then redis.call('HDEL', key, before) end
      if value == '' then redis.call('HDEL', KEYS[3], id) else redis.call('HSET', KEYS[3], id, field) end
    end
    if value == '' then redis.call('HDEL', key, field) else redis.call('HSET', key, field, value) end
  end
end

local function all_hashes()
  for at = 1, 6 do
    local kind = redis.call('TYPE', KEYS[at]).ok
    if kind ~= 'hash' and kind ~= 'none' then return false end
  end
  return true
end

