import { Emulator } from "./emulator.mjs";
const t={after(){}}; 
const e=await Emulator.start(t,"--hub","events:4");
await e.send(Array.from({ length: 60 }, (_, i) => `event ${i}`),"events",{partitionId:"1"});
await new Promise(r=>setTimeout(r,1500));
let t0=Date.now(); await e.receive(60,{partition:"1"}); console.log("10",Date.now()-t0);
for (const c of e.clients) await c.close(); e.process.kill("SIGTERM");
