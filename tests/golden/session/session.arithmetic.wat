(module
  (import "m" "m" (memory 1))
  (func (export "run") (param $block i32)
  )
  (func (export "derive") (param $block i32)
  )
)
