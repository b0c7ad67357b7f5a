// peers.mjs FT PEERS MODEL.gguf [THREADS] [ROUNDS] - ft and llama.cpp (through the npm package
// node-llama-cpp, installed in the folder PEERS) on the same file, in turn: A B A B.  Prints medians
// and ratios.  Each turn is a process of its own, so that neither sees the other's threads or memory.
import {execFileSync} from "node:child_process";
import {resolve} from "node:path";
import {fileURLToPath, pathToFileURL} from "node:url";

const PROMPT = 512, DECODE = 128, BATCH = 32, BATCH_PROMPT = 128, REPEATS = 3;
const [ft, peers, model, threads = "2", rounds = "2", role] = process.argv.slice(2);

const median = (values) => {
    const v = [...values].sort((a, b) => a - b), half = v.length >> 1;
    return v.length % 2 ? v[half] : (v[half - 1] + v[half]) / 2;
};
const seconds = () => Number(process.hrtime.bigint()) * 1e-9;

// ---- one turn of llama.cpp: prints {"prompt": tokens/s, "decode": ..., "batch": ...}

let state = 12345;
const randomTokens = (n, vocab) => Array.from({length: n}, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor(state / 4294967296 * vocab);
});

// Prompts, then steps of one token for all sequences together; seconds of both parts.  The binding batches
// what the sequences ask for in the same turn of the event loop.
async function once(sequences, vocab, nPrompt, nSteps) {
    await Promise.all(sequences.map((s) => s.clearHistory()));
    const runs = sequences.map((s) =>
        s.evaluate(randomTokens(nPrompt, vocab), {temperature: 0, yieldEogTokens: true}));
    const start = seconds();
    await Promise.all(runs.map((run) => run.next()));
    const middle = seconds();
    for (let step = 0; step < nSteps; step++) await Promise.all(runs.map((run) => run.next()));
    const end = seconds();
    await Promise.all(runs.map((run) => run.return()));
    return [middle - start, end - middle];
}

async function measure(llamaModel, n, nPrompt) {
    const context = await llamaModel.createContext({
        contextSize: nPrompt + DECODE, batchSize: PROMPT, sequences: n,
        threads: {ideal: Number(threads), min: Number(threads)}});
    const sequences = Array.from({length: n}, () => context.getSequence());
    const vocab = llamaModel.fileInfo.metadata.tokenizer.ggml.tokens.length;
    const prompt = [], decode = [];
    await once(sequences, vocab, nPrompt, 4);
    for (let r = 0; r < REPEATS; r++) {
        const [first, second] = await once(sequences, vocab, nPrompt, DECODE);
        prompt.push(n * nPrompt / first);
        decode.push(n * DECODE / second);
    }
    await context.dispose();
    return [median(prompt), median(decode)];
}

async function llamaTurn() {
    const entry = resolve(peers, "node_modules/node-llama-cpp/dist/index.js");
    const {getLlama, LlamaLogLevel} = await import(pathToFileURL(entry).href);
    const llama = await getLlama({gpu: false, build: "never", maxThreads: Number(threads),
        logLevel: LlamaLogLevel.error});
    const llamaModel = await llama.loadModel({modelPath: resolve(model)});
    const [prompt, decode] = await measure(llamaModel, 1, PROMPT);
    const [, batch] = await measure(llamaModel, BATCH, BATCH_PROMPT);
    console.log(JSON.stringify({prompt, decode, batch}));
    await llama.dispose();
}

// ---- the turns

function ftTurn() {
    const out = JSON.parse(execFileSync(ft, ["bench", model, "-p", PROMPT, "-n", DECODE, "-b", `1,${BATCH}`,
        "-t", threads, "--json"], {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]}));
    return {prompt: out.prompt.tokens_per_s, decode: out.decode[0].tokens_per_s,
        batch: out.decode[1].tokens_per_s};
}

function peerTurn() {
    const self = fileURLToPath(import.meta.url);
    const out = execFileSync(process.execPath, [self, ft, peers, model, threads, rounds, "llama"],
        {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]});
    return JSON.parse(out.trim().split("\n").pop());
}

function compare() {
    const rows = [["prompt", `prompt of ${PROMPT}`], ["decode", `decode ${DECODE}, batch 1`],
        ["batch", `decode ${DECODE}, batch ${BATCH}`]];
    const ours = [], theirs = [];
    for (let round = 0; round < Number(rounds); round++) {
        ours.push(ftTurn());
        theirs.push(peerTurn());
        process.stderr.write(`round ${round + 1} of ${rounds}\n`);
    }
    console.log(`${model}, threads: ${threads}, tokens/s\n`);
    console.log(`${"".padEnd(24)}${"ft".padStart(10)}${"llama.cpp".padStart(12)}${"ratio".padStart(9)}`);
    for (const [key, label] of rows) {
        const a = median(ours.map((turn) => turn[key])), b = median(theirs.map((turn) => turn[key]));
        const ratio = median(ours.map((turn, i) => turn[key] / theirs[i][key]));
        console.log(label.padEnd(24) + a.toFixed(1).padStart(10) + b.toFixed(1).padStart(12) +
            ratio.toFixed(2).padStart(9));
    }
}

if (!model) {
    console.error("usage: node peers.mjs FT PEERS MODEL.gguf [THREADS] [ROUNDS]");
    process.exitCode = 3;
} else if (role === "llama") {
    await llamaTurn();
} else {
    try {
        compare();
    } catch (error) { // a turn that failed has said why
        process.exitCode = error.status ?? 4;
        if (error.status === undefined) console.error(error);
    }
}
