-- Which generation is active, and how far it has come. KEYS: which names it. ARGV: what its keys begin with, and what the key
-- of its place ends with.
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return {} end
local active = redis.call('GET', KEYS[1])
local place = ARGV[1] .. active .. ARGV[2]
if redis.call('TYPE', place).ok ~= 'hash' then return { active } end
local found = redis.call('HMGET', place, 'log', 'position', 'event')
return { active, found[1] or '', found[2] or '', found[3] or '' }
