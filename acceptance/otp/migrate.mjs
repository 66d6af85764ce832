// Converts with the npm package otpauth-migration. Standard input is a list of requests
// in JSON: {"read": URI} wants the otpauth URIs in an export, {"write": [URI, …]} an
// export of them. Standard output is the list of answers.
import { readFileSync } from "node:fs";
import { URI } from "otpauth-migration";

const answers = JSON.parse(readFileSync(0, "utf8")).map((request) =>
  request.read ? URI.toOTPAuthURIs(request.read) : [URI.toOTPAuthMigrationURI(request.write)].flat(),
);
console.log(JSON.stringify(answers));
