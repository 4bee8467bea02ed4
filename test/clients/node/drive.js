// Part of Troupe, Erlang/OTP processes for C++. Licence: Apache-2.0, see LICENSE.
//
// node drive.js GREENROOM express|koa|fastify: every pair of store and client, each with login,
// update, expiry, logout, a kill -9 and restart of Greenroom in the middle, and a wrong password.
// All pairs share one server, and its restart, because starting programs is what takes time here.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as passed } from 'node:timers/promises';
import { expressApp, fastifyApp, koaApp } from './apps.js';
import { clients, koaStore, pairs, stores } from './stores.js';

const [program, framework] = process.argv.slice(2);
const password = 'right';
const data = await mkdtemp(path.join(tmpdir(), 'greenroom-node-'));
let server;

async function startGreenroom(port) {
  const child = spawn(
    program,
    ['serve', '--port', String(port), '--data', data, '--requirepass', password],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const ready = new Promise((resolve, reject) => {
    ended.then((code) => reject(new Error(`greenroom ended early with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = line.match(/listens on 127\.0\.0\.1:(\d+)/);
      if (match) resolve(Number(match[1]));
    });
  });
  server = { child, ended, port: await ready };
}

class Browser {
  cookies = new Map();
  constructor(base) {
    this.base = base;
  }
  async ask(method, where, body) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(this.base + where, {
      method,
      headers: body ? { 'content-type': 'application/json', cookie } : { cookie },
      body: body && JSON.stringify(body),
    });
    // Several come as one text with commas between; the first Nodes with fetch have no getSetCookie.
    const cookies = response.headers.get('set-cookie')?.split(/,\s*(?=[^;,=\s]+=)/) ?? [];
    for (const line of cookies) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      this.cookies.set(name, value);
    }
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : {} };
  }
  login(user, ms) {
    return this.ask('POST', '/login', { user, ms });
  }
  async me() {
    const { status, body } = await this.ask('GET', '/me');
    return status === 200 ? body : status;
  }
}

const kinds = {
  express: pairs.map(([store, client]) => ({
    name: `express, ${store}, ${client}`,
    client,
    start: (opened, prefix) =>
      expressApp((session) => stores[store](opened.client, session, { prefix })),
  })),
  koa: Object.keys(clients).map((client) => ({
    name: `koa-session, ${client}`,
    client,
    start: (opened) => koaApp(koaStore(opened.ask)),
  })),
  fastify: [
    ['connect-redis-9', 'redis-5'],
    ['connect-redis-10', 'redis-6'],
  ].map(([store, client]) => ({
    name: `@fastify/session, ${store}, ${client}`,
    client,
    start: async (opened, prefix) =>
      fastifyApp(await stores[store](opened.client, null, { prefix })),
  })),
};

async function begin(kind, index) {
  await assert.rejects(
    () => clients[kind.client]({ port: server.port, password: 'wrong', once: true }),
    /WRONGPASS|invalid password/,
    `${kind.name}: a wrong password is refused`,
  );
  const opened = await clients[kind.client]({ port: server.port, password });
  const app = await kind.start(opened, `${framework}${index}:`);
  const [alice, bob, carol] = [0, 1, 2].map(() => new Browser(app.base));
  assert.equal(await alice.me(), 401, kind.name);
  assert.equal((await alice.login('alice')).status, 200, kind.name);
  assert.equal((await bob.login('bob')).status, 200, kind.name);
  assert.equal((await carol.login('carol', 1500)).status, 200, kind.name);
  assert.deepEqual(await alice.me(), { user: 'alice', visits: 1 }, kind.name);
  assert.deepEqual(await alice.me(), { user: 'alice', visits: 2 }, kind.name);
  assert.deepEqual(await bob.me(), { user: 'bob', visits: 1 }, kind.name);
  return { kind, opened, app, alice, bob, carol };
}

// A client that has lost its connection answers when it has found the server again.
async function eventually(what, question) {
  for (let attempt = 0; ; ++attempt) {
    const answer = await question().catch((error) => error.message);
    if (typeof answer === 'object' || attempt === 1000) return answer;
    await passed(100);
  }
}

async function end({ kind, opened, app, alice, bob, carol }) {
  const after = await eventually(kind.name, () => alice.me());
  assert.equal(after.user, 'alice', `${kind.name}: alive after the restart (${after})`);
  assert.ok(after.visits >= 3, `${kind.name}: ${after.visits} visits`);
  assert.equal(await carol.me(), 401, `${kind.name}: expired`);
  assert.equal((await alice.ask('POST', '/logout')).status, 200, kind.name);
  assert.equal(await alice.me(), 401, `${kind.name}: logged out`);
  assert.equal((await bob.me()).user, 'bob', kind.name);
  await app.close();
  await opened.close();
  console.log(`${kind.name}: passed`);
}

async function drive() {
  await startGreenroom(0);
  // One after the other: a right password makes up for the wrong one before it, and more than five
  // wrong ones in a row would make this address wait.
  const running = [];
  for (const [index, kind] of kinds[framework].entries()) running.push(await begin(kind, index));
  await passed(2100); // carol's time, which some stores round up to whole seconds
  server.child.kill('SIGKILL');
  await server.ended;
  await startGreenroom(server.port);
  await Promise.all(running.map(end));
  server.child.kill('SIGTERM');
  assert.equal(await server.ended, 0);
}

let code = 0;
try {
  await Promise.race([
    drive(),
    passed(280_000, null, { ref: false }).then(() => {
      throw new Error('not done after 280 s');
    }),
  ]);
} catch (error) {
  console.error(error.stack);
  code = 1;
}
server?.child.kill('SIGKILL');
await rm(data, { recursive: true, force: true });
process.exit(code);
