#!/usr/bin/env node
import { visit } from "./browser-visit.js";

await visit(process.argv[2], "deny");
