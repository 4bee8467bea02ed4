// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// node drive.js GREENROOM redis|redis-resp3|ioredis: starts Greenroom and the app, and is the
// browser of many users. The cookies never go away by themselves here, so who is logged out was
// logged out by the store.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as passed } from 'node:timers/promises';

const [greenroom, kind] = process.argv.slice(2);
const data = await mkdtemp(path.join(tmpdir(), 'greenroom-express-'));
const children = new Set();

// Starts a program; the promise is of the first match of `pattern` in a line of its output.
function start(program, words, pattern) {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  ended.then(() => children.delete(child));
  const ready = new Promise((resolve, reject) => {
    child.once('error', reject);
    ended.then(({ code }) => reject(new Error(`${program} ended early with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = line.match(pattern);
      if (match) resolve(match[1]);
    });
  });
  return { child, ready, ended };
}

async function startGreenroom(port) {
  const server = start(
    greenroom,
    ['serve', '--port', String(port), '--data', data, '--durability', 'commit'],
    /listens on 127\.0\.0\.1:(\d+)/,
  );
  server.port = await server.ready;
  return server;
}

class Browser {
  constructor(base) {
    this.base = base;
    this.cookie = '';
  }
  async ask(method, where, body) {
    const response = await fetch(this.base + where, {
      method,
      headers: { 'content-type': 'application/json', cookie: this.cookie },
      body: body && JSON.stringify(body),
    });
    const cookie = response.headers.get('set-cookie');
    if (cookie) this.cookie = cookie.split(';')[0];
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }
  async login(user, seconds) {
    const answer = await this.ask('POST', '/login', { user, seconds });
    assert.equal(answer.status, 200);
    return answer.body.id;
  }
}

let step = 'start';
function says(what) {
  console.log(`${kind}: ${what}`);
  step = what;
}

async function drive() {
  let server = await startGreenroom(0);
  const app = start(process.execPath, ['app.js', kind, server.port], /^(\d+)$/);
  const base = `http://127.0.0.1:${await app.ready}`;

  says('a stranger is not logged in');
  const alice = new Browser(base);
  assert.equal((await alice.ask('GET', '/me')).status, 401);

  says('alice logs in');
  await alice.login('alice');
  assert.deepEqual((await alice.ask('GET', '/me')).body, { user: 'alice', visits: 1 });

  says('50 concurrent requests of one session');
  const answers = await Promise.all(Array.from({ length: 50 }, () => alice.ask('GET', '/me')));
  for (const { status, body } of answers) {
    assert.equal(status, 200);
    assert.equal(body.user, 'alice');
  }

  says('50 users log in at once and are not mixed up');
  const users = Array.from({ length: 50 }, () => new Browser(base));
  await Promise.all(users.map((user, index) => user.login(`user ${index}`)));
  const seen = await Promise.all(users.map((user) => user.ask('GET', '/me')));
  seen.forEach(({ body }, index) => assert.deepEqual(body, { user: `user ${index}`, visits: 1 }));
  assert.equal((await alice.ask('GET', '/sessions')).body.length, 51);

  says('Greenroom is killed and restarted: everybody is still logged in');
  const { visits } = (await alice.ask('GET', '/me')).body;
  server.child.kill('SIGKILL');
  assert.equal((await server.ended).signal, 'SIGKILL');
  server = await startGreenroom(server.port);
  assert.deepEqual((await alice.ask('GET', '/me')).body, { user: 'alice', visits: visits + 1 });
  const again = await Promise.all(users.map((user) => user.ask('GET', '/me')));
  again.forEach(({ body }, index) => assert.deepEqual(body, { user: `user ${index}`, visits: 2 }));

  // node-redis gives up what it had under way when the connection broke, with any server.
  if (kind === 'ioredis') {
    says('a request while Greenroom is down is answered when it is back');
    server.child.kill('SIGKILL');
    await server.ended;
    const early = alice.ask('GET', '/me');
    server = await startGreenroom(server.port);
    assert.equal((await early).body.user, 'alice');
  }

  says('a short session slides while it is used and ends when it is not');
  const bob = new Browser(base);
  // Half its time is left at each use, because a busy machine can be that late.
  const id = await bob.login('bob', 6);
  for (let i = 0; i < 3; ++i) {
    await passed(3000);
    assert.equal((await bob.ask('GET', '/ping')).status, 200);
  }
  await passed(6100);
  assert.equal((await bob.ask('GET', '/me')).status, 401);
  let left;
  do left = (await alice.ask('GET', '/sessions')).body;
  while (left.length > 51); // the limit below ends this
  assert.equal(left.length, 51);
  assert.ok(!left.some((session) => session.id === id));

  says('alice logs out, and nobody else');
  assert.equal((await alice.ask('POST', '/logout')).status, 204);
  assert.equal((await alice.ask('GET', '/me')).status, 401);
  assert.equal((await users[7].ask('GET', '/me')).body.user, 'user 7');

  says('Greenroom stops in order');
  server.child.kill('SIGTERM');
  assert.deepEqual(await server.ended, { code: 0, signal: null });
}

let code = 0;
try {
  await Promise.race([
    drive(),
    passed(280_000, null, { ref: false }).then(() => {
      throw new Error('not done after 280 s');
    }),
  ]);
  console.log(`${kind}: passed`);
} catch (error) {
  console.error(`${kind}: failed at "${step}": ${error.stack}`);
  code = 1;
}
for (const child of children) child.kill('SIGKILL');
await rm(data, { recursive: true, force: true });
process.exit(code);
