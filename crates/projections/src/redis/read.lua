-- One value of the active generation. KEYS: which names it. ARGV: what its keys begin with, what the key of these rows ends
-- with, the field.
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return {} end
local active = redis.call('GET', KEYS[1])
local rows = ARGV[1] .. active .. ARGV[2]
local value = redis.call('TYPE', rows).ok == 'hash' and redis.call('HGET', rows, ARGV[3])
if not value then return {} end
return { active, value }
