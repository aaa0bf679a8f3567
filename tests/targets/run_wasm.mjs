// SPDX-License-Identifier: Apache-2.0
// node run_wasm.mjs hash_models.wasm LIST
import { readFileSync } from 'node:fs';

const [program, list] = process.argv.slice(2);
const noFile = 0xffffffff; // SIZE_MAX
let memory;

const text = (at) => {
  const bytes = new Uint8Array(memory.buffer);
  return new TextDecoder().decode(bytes.slice(at, bytes.indexOf(0, at)));
};

const host = {
  read(path, to, capacity) {
    try {
      const content = readFileSync(text(path)).subarray(0, capacity >>> 0);
      new Uint8Array(memory.buffer).set(content, to >>> 0);
      return content.length;
    } catch {
      return noFile;
    }
  },
  write(at) {
    process.stdout.write(text(at));
  },
};

const { instance } = await WebAssembly.instantiate(readFileSync(program), { host });
memory = instance.exports.memory;
const path = instance.exports.path();
new TextEncoder().encodeInto(`${list}\0`, new Uint8Array(memory.buffer, path, 1024));
process.exitCode = instance.exports.run(path) === 0 ? 0 : 1;
