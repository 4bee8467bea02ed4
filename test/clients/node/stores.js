// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// Clients of several generations, and the session stores that people put on them. Each client is
// opened as its documentation says; `password` is optional.

async function nodeRedis(module, { port, password, once }) {
  const { createClient } = await import(module);
  const socket = { host: '127.0.0.1', port };
  if (once) socket.reconnectStrategy = false;
  const client = createClient({ socket, password });
  client.on('error', () => {}); // a server that restarts is part of the test
  await client.connect();
  return {
    client,
    ask: (...words) => client.sendCommand(words.map(String)),
    close: () => client.quit(),
  };
}

// ioredis tells a refusal by an event, and retries for ever unless told not to.
async function ioredis(module, { port, password, once }) {
  const { default: Redis } = await import(module);
  const options = { host: '127.0.0.1', port, password, lazyConnect: true };
  if (once) options.retryStrategy = () => null;
  const client = new Redis(options);
  await new Promise((resolve, reject) => {
    client.on('error', reject);
    client.connect().then(() => client.ping()).then(resolve, reject);
  }).catch((error) => {
    client.disconnect();
    throw error;
  });
  return {
    client,
    ask: (...words) => client.call(words[0], ...words.slice(1)),
    close: () => client.quit(),
  };
}

export const clients = {
  'redis-4': (options) => nodeRedis('redis-4', options),
  'redis-5': (options) => nodeRedis('redis-5', options),
  'redis-6': (options) => nodeRedis('redis-6', options),
  'ioredis-4': (options) => ioredis('ioredis-4', options),
  'ioredis-5': (options) => ioredis('ioredis-5', options),
  'ioredis-6': (options) => ioredis('ioredis-6', options),
};

// express-session's stores: connect-redis 6 is made by a function, 7 exports the class by default,
// later ones by name.
export const stores = {
  'connect-redis-6': async (client, session, options) => {
    const { default: make } = await import('connect-redis-6');
    const RedisStore = make(session);
    return new RedisStore({ client, ...options });
  },
  'connect-redis-7': async (client, session, options) => {
    const { default: RedisStore } = await import('connect-redis-7');
    return new RedisStore({ client, ...options });
  },
};
for (const version of ['8', '9', '10']) {
  stores[`connect-redis-${version}`] = async (client, session, options) => {
    const { RedisStore } = await import(`connect-redis-${version}`);
    return new RedisStore({ client, ...options });
  };
}

// Which go together: connect-redis 9 gave ioredis up, and 6 is from before node-redis 4.
export const pairs = [
  ['connect-redis-6', 'ioredis-4'],
  ['connect-redis-6', 'ioredis-5'],
  ['connect-redis-7', 'redis-4'],
  ['connect-redis-7', 'ioredis-5'],
  ['connect-redis-8', 'redis-4'],
  ['connect-redis-8', 'ioredis-5'],
  ['connect-redis-8', 'ioredis-6'],
  ['connect-redis-9', 'redis-5'],
  ['connect-redis-9', 'redis-6'],
  ['connect-redis-10', 'redis-6'],
];

// koa-session's stores are three functions.
export const koaStore = (ask) => ({
  async get(key) {
    const text = await ask('GET', key);
    return text ? JSON.parse(text) : undefined;
  },
  set: (key, session, maxAge) => ask('SET', key, JSON.stringify(session), 'PX', maxAge),
  destroy: (key) => ask('DEL', key),
});
