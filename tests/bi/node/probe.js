// What node-postgres shows of a schema, as JSON on standard output; the questions come as JSON on standard input.
const { Client } = require("pg");

async function main() {
  const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const client = new Client(given.connection);
  await client.connect();
  const refusal = async (statement) => {
    try {
      await client.query(statement);
      return "";
    } catch (error) {
      return error.code;
    }
  };
  const first = async (text) => (await client.query({ text, rowMode: "array" })).rows.map((row) => row[0]);
  // The calendar day that a tool shows that formats dates in its own zone, and the one that JSON makes of it.
  const local = (day) => [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  const days = [];
  const json = [];
  for (const text of given.days) {
    const { rows } = await client.query({ text, rowMode: "array" });
    days.push(rows.map(([day, tokens]) => [local(day), tokens]));
    json.push(rows.map(([day]) => day.toJSON().slice(0, 10)));
  }
  const columns = {};
  for (const view of given.views) {
    const { fields } = await client.query(`SELECT * FROM bi.${view} LIMIT 0`);
    columns[view] = fields.map((field) => [field.name, field.dataTypeID, field.dataTypeModifier]);
  }
  const found = {
    listed: [],
    columns,
    amounts: await first(given.amounts),
    unknown: await first(given.unknown),
    days,
    json,
    secret: await refusal(given.secret),
    writes: [],
    hidden: await first("SELECT DISTINCT table_schema::text FROM information_schema.tables ORDER BY 1"),
  };
  for (const text of given.lists) found.listed.push(await first(text));
  for (const statement of given.writes) found.writes.push(await refusal(statement));
  await client.end();
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
